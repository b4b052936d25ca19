"""What UN/ECE Recommendation 20 unit codes are called on documents."""

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType

from babel import Locale

_LANGUAGES = ("en", "de", "fr", "es")

# A bar parts the word for one from the word for several.
_UNITS: Mapping[str, tuple[str, str, str, str]] = MappingProxyType(
    {
        "ANN": ("year|years", "Jahr|Jahre", "an|ans", "año|años"),
        "C62": ("pc|pcs", "Stk.", "pce|pces", "ud.|uds."),
        "DAY": ("day|days", "Tag|Tage", "jour|jours", "día|días"),
        "E48": ("service|services", "Leistung|Leistungen", "prestation|prestations", "servicio|servicios"),
        "GRM": ("g", "g", "g", "g"),
        "H87": ("pc|pcs", "Stk.", "pce|pces", "ud.|uds."),
        "HUR": ("h", "Std.", "h", "h"),
        "KGM": ("kg", "kg", "kg", "kg"),
        "KMT": ("km", "km", "km", "km"),
        "KWH": ("kWh", "kWh", "kWh", "kWh"),
        "LS": ("lump sum", "pauschal", "forfait", "tanto alzado"),
        "LTR": ("l", "l", "l", "l"),
        "MIN": ("min", "Min.", "min", "min"),
        "MON": ("month|months", "Monat|Monate", "mois", "mes|meses"),
        "MTK": ("m²", "m²", "m²", "m²"),
        "MTQ": ("m³", "m³", "m³", "m³"),
        "MTR": ("m", "m", "m", "m"),
        "PR": ("pair|pairs", "Paar", "paire|paires", "par|pares"),
        "SET": ("set|sets", "Satz|Sätze", "jeu|jeux", "juego|juegos"),
        "TNE": ("t", "t", "t", "t"),
        "WEE": ("week|weeks", "Woche|Wochen", "semaine|semaines", "semana|semanas"),
        "XBX": ("box|boxes", "Karton|Kartons", "carton|cartons", "caja|cajas"),
        "XPK": ("pack|packs", "Packung|Packungen", "paquet|paquets", "paquete|paquetes"),
        "XPX": ("pallet|pallets", "Palette|Paletten", "palette|palettes", "palé|palés"),
    }
)


def unit_name(code: str, quantity: Decimal, language: str) -> str:
    """The unit's name beside this quantity in one of our languages; the code itself when it has none."""
    names = _UNITS.get(code)
    if names is None:
        return code
    one, _, several = names[_LANGUAGES.index(language)].partition("|")
    is_one = Locale(language).plural_form(abs(quantity)) == "one"
    return one if is_one or not several else several
