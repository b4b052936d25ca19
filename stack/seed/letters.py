"""The demo company's own words for the e-mails its invoices travel in, by language."""

LETTERS = {
    "en": (
        "Invoice {number} from {seller}",
        (
            "Dear {contact},\n\n"
            "Your goods are on their way or with you already. The invoice for them, {number} of {issueDate}, "
            "is attached to this e-mail.\n\n"
            "It comes to {total}. Please pay by {dueDate} and quote the number, so that we can match your payment.\n\n"
            "If a sack, a tin or a decimal point is not where it should be, just answer this e-mail.\n\n"
            "Kind regards\n{seller}"
        ),
    ),
    "de": (
        "Rechnung {number} von {seller}",
        (
            "Guten Tag {contact},\n\n"
            "Ihre Ware ist unterwegs oder schon bei Ihnen. Die Rechnung {number} vom {issueDate} finden Sie im Anhang.\n\n"
            "Der Betrag ist {total}. Bitte überweisen Sie ihn bis zum {dueDate} und geben Sie dabei die "
            "Rechnungsnummer an.\n\n"
            "Stimmt ein Sack, eine Dose oder ein Komma nicht, antworten Sie einfach auf diese E-Mail.\n\n"
            "Mit freundlichen Grüßen\n{seller}"
        ),
    ),
}
