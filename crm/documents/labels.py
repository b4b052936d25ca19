"""The words printed on documents, in the languages we speak. Everything else on them is data.

The labels of another language are English; its numbers and dates too, so that a page is in one language.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

DEFAULT_LANGUAGE = "en"


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """`{…}` in a sentence is filled in by whoever prints it. Tax notes go by their UNCL5305 codes."""

    invoice: str
    draft: str
    # Facts about the document.
    number: str
    issue_date: str
    delivery_date: str
    due_date: str
    customer_reference: str
    order_number: str
    customer_vat_id: str
    # The table of lines.
    position: str
    description: str
    quantity: str
    unit_price: str
    discount: str
    tax: str
    amount: str
    carried_forward: str
    brought_forward: str
    # Totals.
    subtotal: str
    document_discount: str
    net: str
    tax_total: str
    gross: str
    paid: str
    due: str
    settled: str
    tax_rate: str
    tax_base: str
    tax_amount: str
    # Payment.
    payment: str
    pay_by: str
    pay_now: str
    account_holder: str
    bank: str
    iban: str
    bic: str
    payment_reference: str
    # The foot of the page.
    page: str
    phone: str
    vat_id: str
    registration_number: str
    tax_notes: Mapping[str, str]


_ENGLISH = Labels(
    invoice="Invoice",
    draft="DRAFT",
    number="Invoice number",
    issue_date="Invoice date",
    delivery_date="Date of supply",
    due_date="Due date",
    customer_reference="Your reference",
    order_number="Order number",
    customer_vat_id="Your VAT ID",
    position="#",
    description="Description",
    quantity="Quantity",
    unit_price="Unit price",
    discount="Discount",
    tax="VAT",
    amount="Amount",
    carried_forward="Carried forward",
    brought_forward="Brought forward",
    subtotal="Subtotal",
    document_discount="Discount",
    net="Net amount",
    tax_total="VAT",
    gross="Total",
    paid="Paid",
    due="Amount due",
    settled="Paid in full – thank you.",
    tax_rate="VAT rate",
    tax_base="Net",
    tax_amount="VAT",
    payment="Payment",
    pay_by="Please pay {amount} by {date}.",
    pay_now="Please pay {amount} on receipt.",
    account_holder="Account holder",
    bank="Bank",
    iban="IBAN",
    bic="BIC",
    payment_reference="Reference",
    page="Page {page} of {pages}",
    phone="Tel.",
    vat_id="VAT ID",
    registration_number="Company no.",
    tax_notes=MappingProxyType(
        {
            "E": "Exempt from VAT.",
            "AE": "Reverse charge: VAT is to be accounted for by the recipient.",
            "K": "VAT-exempt intra-Community supply.",
            "G": "VAT-exempt export of goods or services.",
            "O": "Not subject to VAT.",
        }
    ),
)

_GERMAN = Labels(
    invoice="Rechnung",
    draft="ENTWURF",
    number="Rechnungsnummer",
    issue_date="Rechnungsdatum",
    delivery_date="Leistungsdatum",
    due_date="Fällig am",
    customer_reference="Ihr Zeichen",
    order_number="Bestellnummer",
    customer_vat_id="Ihre USt-IdNr.",
    position="Pos.",
    description="Bezeichnung",
    quantity="Menge",
    unit_price="Einzelpreis",
    discount="Rabatt",
    tax="USt.",
    amount="Betrag",
    carried_forward="Übertrag",
    brought_forward="Übertrag",
    subtotal="Zwischensumme",
    document_discount="Rabatt",
    net="Nettobetrag",
    tax_total="Umsatzsteuer",
    gross="Gesamtbetrag",
    paid="Bereits gezahlt",
    due="Zu zahlen",
    settled="Vollständig bezahlt – vielen Dank.",
    tax_rate="Steuersatz",
    tax_base="Netto",
    tax_amount="Steuer",
    payment="Zahlung",
    pay_by="Bitte zahlen Sie {amount} bis zum {date}.",
    pay_now="Bitte zahlen Sie {amount} nach Erhalt.",
    account_holder="Kontoinhaber",
    bank="Bank",
    iban="IBAN",
    bic="BIC",
    payment_reference="Verwendungszweck",
    page="Seite {page} von {pages}",
    phone="Tel.",
    vat_id="USt-IdNr.",
    registration_number="Registernr.",
    tax_notes=MappingProxyType(
        {
            "E": "Steuerfreie Leistung.",
            "AE": "Steuerschuldnerschaft des Leistungsempfängers.",
            "K": "Steuerfreie innergemeinschaftliche Lieferung.",
            "G": "Steuerfreie Ausfuhrlieferung.",
            "O": "Nicht steuerbare Leistung.",
        }
    ),
)

_FRENCH = Labels(
    invoice="Facture",
    draft="BROUILLON",
    number="Numéro de facture",
    issue_date="Date de facture",
    delivery_date="Date de livraison",
    due_date="Échéance",
    customer_reference="Votre référence",
    order_number="Numéro de commande",
    customer_vat_id="Votre nᵒ de TVA",
    position="Nᵒ",
    description="Désignation",
    quantity="Quantité",
    unit_price="Prix unitaire",
    discount="Remise",
    tax="TVA",
    amount="Montant",
    carried_forward="À reporter",
    brought_forward="Report",
    subtotal="Sous-total",
    document_discount="Remise",
    net="Total HT",
    tax_total="TVA",
    gross="Total TTC",
    paid="Déjà réglé",
    due="Net à payer",
    settled="Facture acquittée – merci.",
    tax_rate="Taux de TVA",
    tax_base="Base HT",
    tax_amount="TVA",
    payment="Règlement",
    pay_by="Merci de régler {amount} au plus tard le {date}.",
    pay_now="Merci de régler {amount} à réception.",
    account_holder="Titulaire du compte",
    bank="Banque",
    iban="IBAN",
    bic="BIC",
    payment_reference="Référence",
    page="Page {page} sur {pages}",
    phone="Tél.",
    vat_id="Nᵒ de TVA",
    registration_number="Nᵒ d’immatriculation",
    tax_notes=MappingProxyType(
        {
            "E": "Opération exonérée de TVA.",
            "AE": "Autoliquidation : TVA due par le preneur.",
            "K": "Livraison intracommunautaire exonérée de TVA.",
            "G": "Exportation exonérée de TVA.",
            "O": "Opération non soumise à la TVA.",
        }
    ),
)

_SPANISH = Labels(
    invoice="Factura",
    draft="BORRADOR",
    number="Número de factura",
    issue_date="Fecha de factura",
    delivery_date="Fecha de entrega",
    due_date="Vencimiento",
    customer_reference="Su referencia",
    order_number="Número de pedido",
    customer_vat_id="Su NIF-IVA",
    position="N.º",
    description="Descripción",
    quantity="Cantidad",
    unit_price="Precio unitario",
    discount="Descuento",
    tax="IVA",
    amount="Importe",
    carried_forward="Suma y sigue",
    brought_forward="Suma anterior",
    subtotal="Subtotal",
    document_discount="Descuento",
    net="Base imponible",
    tax_total="IVA",
    gross="Total",
    paid="Ya pagado",
    due="Importe a pagar",
    settled="Factura pagada. Gracias.",
    tax_rate="Tipo de IVA",
    tax_base="Base",
    tax_amount="Cuota",
    payment="Pago",
    pay_by="Le rogamos que pague {amount} a más tardar el {date}.",
    pay_now="Le rogamos que pague {amount} al recibo de la factura.",
    account_holder="Titular de la cuenta",
    bank="Banco",
    iban="IBAN",
    bic="BIC",
    payment_reference="Concepto",
    page="Página {page} de {pages}",
    phone="Tel.",
    vat_id="NIF-IVA",
    registration_number="N.º de registro",
    tax_notes=MappingProxyType(
        {
            "E": "Operación exenta de IVA.",
            "AE": "Inversión del sujeto pasivo.",
            "K": "Entrega intracomunitaria exenta de IVA.",
            "G": "Exportación exenta de IVA.",
            "O": "Operación no sujeta a IVA.",
        }
    ),
)

LABELS: Mapping[str, Labels] = MappingProxyType(
    {"en": _ENGLISH, "de": _GERMAN, "fr": _FRENCH, "es": _SPANISH}
)

# Where the tax on sales is not called a value added tax, a document says "tax" and no more.
_WITHOUT_VAT = frozenset({"AU", "BR", "CA", "HK", "IN", "JP", "MY", "NZ", "PR", "SG", "US"})
_PLAIN_TAX = MappingProxyType(
    {
        "en": ("Tax", "Tax rate", "Tax ID", "Your tax ID"),
        "de": ("Steuer", "Steuersatz", "Steuernr.", "Ihre Steuernr."),
        "fr": ("Taxe", "Taux", "Nᵒ fiscal", "Votre nᵒ fiscal"),
        "es": ("Impuesto", "Tipo", "N.º fiscal", "Su n.º fiscal"),
    }
)


def language_of(tag: str) -> str:
    """The language of a BCP 47 tag that documents are printed in: its own, or English."""
    primary = tag.replace("_", "-").partition("-")[0].lower()
    return primary if primary in LABELS else DEFAULT_LANGUAGE


def labels_for(tag: str, *, seller_country: str | None = None) -> Labels:
    """The words of a BCP 47 tag's language, with the tax called what it is where the seller is."""
    language = language_of(tag)
    if seller_country not in _WITHOUT_VAT:
        return LABELS[language]
    tax, rate, tax_id, customer_tax_id = _PLAIN_TAX[language]
    return replace(
        LABELS[language],
        tax=tax,
        tax_total=tax,
        tax_amount=tax,
        tax_rate=rate,
        vat_id=tax_id,
        customer_vat_id=customer_tax_id,
    )
