"""What the columns of other people's files are called, in English, German, French and Spanish, and what that means here.

A heading is reduced to its words: `customerID`, `Customer Id` and `customer_id` are all "customer id".
"""

import re
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from unicodedata import combining, normalize

from crm.imports.fields import IMPORT_FIELDS

# Names of the fields, several separated by semicolons; case, accents and punctuation do not matter.
_NAMES = {
    "name": "company; account; company name; organisation; organization; account name; business;"
    " business name; firm; legal name; customer; customer name; client; client name; firma;"
    " firmenname; unternehmen; kunde; kundenname; société; entreprise; raison sociale; nom de la"
    " société; nom du client; empresa; razón social; nombre de la empresa; cliente; nombre del"
    " cliente; compañía; name; nom; nombre",
    "email": "email; e-mail; mail; email address; e-mail address; primary email; work email; business"
    " email; e-mail-adresse; emailadresse; mailadresse; courriel; adresse e-mail; adresse"
    " électronique; correo; correo electrónico",
    "phone": "phone; phone number; phone no; telephone; telephone number; tel; tel no; mobile; mobile"
    " phone; cell; cell phone; home phone; work phone; business phone; office phone; main phone;"
    " telefon; telefonnummer; rufnummer; handy; mobil; téléphone; numéro de téléphone; portable;"
    " teléfono; número de teléfono; móvil; celular",
    "fax": "fax; fax number; fax no; telefax; faxnummer; télécopie",
    "website": "website; web site; web; url; homepage; home page; web address; domain; webseite;"
    " internet; internetseite; site web; site internet; sitio web; página web",
    "description": "description; note; notes; comment; comments; remarks; about; beschreibung; notiz;"
    " notizen; bemerkung; bemerkungen; anmerkung; anmerkungen; kommentar; remarque; remarques;"
    " commentaire; commentaires; descripción; notas; comentario; comentarios; observaciones",
    "stage": "stage; sales stage; pipeline stage; lifecycle stage; phase; verkaufsphase;"
    " vertriebsphase; étape; etapa",
    "status_label": "status label; customer status; kundenstatus; statut client",
    "customer_group": "customer group; group; kundengruppe; groupe de clients; grupo de clientes",
    "industry": "industry; sector; business sector; line of business; branche; wirtschaftszweig;"
    " secteur; secteur d'activité; industria; rubro",
    "source": "source; lead source; customer source; channel; acquisition channel; attraction channel;"
    " quelle; herkunft; origine; canal; origen; fuente; procedencia",
    "service_provision": "service provision; provision; leistungsart; prestation; prestación",
    "account_manager": "account manager; owner; account owner; customer owner; responsible; sales rep;"
    " salesperson; kundenbetreuer; betreuer; verantwortlich; responsable; commercial; gestionnaire;"
    " gestor; propietario",
    "service_manager": "service manager; servicemanager; gestor de servicio",
    "address_building": "building; building name; house name; floor; suite; gebäude; bâtiment; edificio",
    "address_street": "address; street; street address; address line; road; mailing address; straße;"
    " anschrift; adresse; straße und hausnummer; straße nr; house number; house no; hausnummer;"
    " hausnr; street number; rue; adresse postale; calle; dirección; domicilio",
    "address_city": "city; town; locality; stadt; ort; wohnort; ville; commune; localité; ciudad;"
    " población; localidad; municipio",
    "address_state": "state; region; province; county; state province; bundesland; kanton; région;"
    " département; estado; provincia; región; comunidad autónoma",
    "address_postcode": "postcode; post code; postal code; zip; zip code; zipcode; plz; postleitzahl;"
    " code postal; cp; código postal",
    "address_country": "country; country code; country region; nation; land; länderkennzeichen; pays;"
    " code pays; país; código de país",
    "registration_number": "registration number; registration no; company registration number; company"
    " number; reg no; trade register number; handelsregisternummer; handelsregister; registernummer;"
    " siren; siret; rcs; numéro d'immatriculation; número de registro; registro mercantil",
    "vat_id": "vat; vat id; vat number; vat no; vat reg no; tax id; tax number; tin; ein; abn; gst"
    " number; ust id; ust idnr; ustidnr; USt-IdNr.; USt-ID; umsatzsteuer id; steuernummer; uid; tva;"
    " numéro de tva; n° tva; n° de tva; tva intracommunautaire; nif; cif; rfc; nit; número de iva",
    "account_number": "account number; account no; customer number; customer no; client number; debtor"
    " number; kundennummer; kundennr; kunden nr; debitorennummer; numéro client; numéro de client; n°"
    " client; code client; número de cliente; código de cliente; número de cuenta",
    "external_id": "external id; id; customer id; account id; client id; organization id; organisation"
    " id; company id; record id; crm id; uuid; kunden id; firmen id; identifiant; id client;"
    " identificador; id cliente",
    "contract_start": "contract start; contract start date; start date; vertragsbeginn; début du"
    " contrat; inicio del contrato; fecha de inicio",
    "contract_end": "contract end; contract end date; end date; expiry date; contract expiry;"
    " vertragsende; fin du contrat; fin del contrato; fecha de fin",
    "contract_review": "contract review; contract review date; review date; vertragsprüfung; révision"
    " du contrat; revisión del contrato",
    "contract_value": "contract value; annual contract value; acv; vertragswert; valeur du contrat;"
    " valor del contrato",
    "probability": "probability; win probability; wahrscheinlichkeit; probabilité; probabilidad",
    "currency": "currency; currency code; währung; devise; monnaie; moneda; divisa",
    "discount_percent": "discount %; discount; default discount; discount rate; rabatt; rabatt %;"
    " nachlass; remise; taux de remise; descuento; descuento %",
    "discount_amount": "discount amount; rabattbetrag; montant de la remise; importe de descuento",
    "tax_rate": "tax rate; vat rate; tax %; steuersatz; mwst satz; mwst; taux de tva; tipo de iva",
    "payment_terms_days": "payment terms; payment terms days; terms; net days; credit days; payment"
    " days; zahlungsziel; zahlungsfrist; délai de paiement; conditions de paiement; plazo de pago;"
    " días de pago",
    "legal_entity": "legal entity; billing entity; rechnungssteller; entité juridique; entidad legal",
    "invoice_types": "invoice types; invoice type; rechnungsart; rechnungsarten; type de facture; tipo"
    " de factura",
    "consent": "consent; marketing consent; opt in; newsletter; einwilligung; werbeeinwilligung;"
    " consentement; consentimiento",
    "language": "language; language code; preferred language; locale; sprache; langue; idioma; lengua",
    "tags": "tags; tag; labels; keywords; schlagwörter; stichwörter; étiquettes; mots clés; etiquetas;"
    " palabras clave",
    "contact_name": "contact; contact person; primary contact; person; full name; attention;"
    " ansprechpartner; ansprechperson; kontakt; kontaktperson; interlocuteur; personne de contact; nom"
    " du contact; contacto; persona de contacto; nombre de contacto",
    "contact_first_name": "first name; firstname; given name; forename; vorname; prénom; nombre de"
    " pila; primer nombre",
    "contact_last_name": "last name; lastname; surname; family name; nachname; familienname; nom de"
    " famille; apellido; apellidos",
    "contact_email": "direct email; personal email",
    "contact_phone": "direct phone; direct dial; durchwahl; ligne directe; teléfono directo",
    "contact_title": "title; job title; position; role; function; funktion; berufsbezeichnung;"
    " stellung; fonction; poste; titre; cargo; puesto",
    "contact_department": "department; dept; division; abteilung; departamento",
}

# A first word (or two) that says whose data the rest is about.
_BILLING = (
    "billing",
    "bill to",
    "invoice",
    "invoicing",
    "rechnungs",
    "rechnung",
    "facturation",
    "facturacion",
)
_CONTACT = (
    "contact",
    "primary contact",
    "contact person",
    "person",
    "ansprechpartner",
    "kontakt",
    "contacto",
)
_COMPANY = (
    "company",
    "customer",
    "client",
    "account",
    "organization",
    "organisation",
    "business",
    "firmen",
    "kunden",
)
_ELSEWHERE = (
    "shipping",
    "ship",
    "ship to",
    "delivery",
    "liefer",
    "lieferung",
    "livraison",
    "entrega",
    "envio",
)
_ROW_NUMBERS = frozenset(
    ("index", "row", "no", "nr", "line", "row number", "zeile", "lfd nr", "ligne", "fila", "")
)

# One word such as "company" or "id" means these fields only when it is the whole heading: "company size" is
# something else.
_WHOLE = frozenset(("name", "contact_name", "external_id", "vat_id"))

_CAMEL = re.compile(r"(?<=[a-zà-ÿ])(?=[A-ZÀ-Þ])|(?<=[A-Z])(?=[A-Z][a-z])")
_WORDS = re.compile(r"[^\W\d_]+|%|\d+")
_TYPO = 0.85
_MIN_TYPO_LENGTH = 5

EXACT, PART, TYPO = 0.95, 0.6, 0.7


@dataclass(frozen=True, slots=True)
class Heading:
    """A column's name in words, and its number: `Phone 2` is ("phone", 2)."""

    words: str
    ordinal: int

    @property
    def is_row_number(self) -> bool:
        return self.words in _ROW_NUMBERS

    @property
    def is_elsewhere(self) -> bool:
        """Delivery addresses have no field."""
        return _without_prefix(self.words, _ELSEWHERE) is not None


def heading(column: str) -> Heading:
    words = _WORDS.findall(_folded(_CAMEL.sub(" ", column)))
    ordinal = int(words[-1]) if len(words) > 1 and words[-1].isdigit() and len(words[-1]) < 3 else 1  # noqa: PLR2004
    return Heading(" ".join(word for word in words if not word.isdigit()), ordinal)


def meanings(name: Heading) -> dict[str, float]:
    """The fields a heading may mean, each with how sure that is, from 0 to 1."""
    if name.is_elsewhere or name.is_row_number:
        return {}
    found = _by_name(name.words)
    for prefixes, rename in ((_BILLING, _billing), (_CONTACT, _contact), (_COMPANY, str)):
        rest = _without_prefix(name.words, prefixes)
        for key, sure in (_by_name(rest) if rest else {}).items():
            if renamed := rename(key):
                found[renamed] = max(found.get(renamed, 0), sure)
    if _without_prefix(name.words, _BILLING):
        found = {key: sure for key, sure in found.items() if not key.startswith("address_")}
    return found


def _billing(key: str) -> str | None:
    return key.replace("address_", "billing_") if key.startswith("address_") else None


def _contact(key: str) -> str | None:
    if key.startswith("contact_"):
        return key
    return f"contact_{key}" if key in ("name", "email", "phone") else None


def _without_prefix(words: str, prefixes: tuple[str, ...]) -> str | None:
    return next((words[len(p) + 1 :] for p in prefixes if words.startswith(p + " ")), None)


def _by_name(words: str) -> dict[str, float]:
    """Exact names win; else names within the heading, by the share of it they make up; else names misspelt."""
    names = _fields_by_name()
    if words in names:
        return {names[words]: EXACT}
    typed = set(words.split())
    parts = {
        key: PART + 0.3 * len(name.split()) / len(typed)
        for name, key in sorted(names.items(), key=lambda item: len(item[0].split()))
        if typed.issuperset(name.split()) and (key not in _WHOLE or " " in name)
    }
    if parts or len(words) < _MIN_TYPO_LENGTH:
        return parts
    return {names[close]: TYPO for close in get_close_matches(words, names, n=1, cutoff=_TYPO)}


@cache
def _fields_by_name() -> dict[str, str]:
    names = {heading(name).words: key for key, names in _NAMES.items() for name in names.split(";")}
    own = {
        heading(name).words: field.key
        for field in IMPORT_FIELDS.values()
        for name in (field.key, field.label)
    }
    return names | own


def _folded(text: str) -> str:
    return "".join(c for c in normalize("NFKD", text.casefold()) if not combining(c))
