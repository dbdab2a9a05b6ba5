"""Names, places and companies for the demo data, none of them real."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Country:
    """A country with its share of the contacts, its time zone, and its names, places and phone numbers."""

    name: str
    share: int
    timezone: str
    domain: str
    first_names: tuple[str, ...]
    last_names: tuple[str, ...]
    cities: tuple[tuple[str, str, str], ...]
    """City, state and postal code."""
    phone: str
    """A pattern in which each # is a digit."""


ENGLISH_FIRST = ("Emma", "Liam", "Olivia", "Noah", "Ava", "Ethan", "Sophie", "Lucas", "Grace", "Owen", "Hannah", "Caleb", "Maya", "Jack")
ENGLISH_LAST = ("Tremblay", "Campbell", "Reid", "Murray", "Sinclair", "Fraser", "Walsh", "Bennett", "Hayes", "Porter", "Fletcher", "Marsh")

COUNTRIES = (
    Country(
        name="Canada",
        share=24,
        timezone="America/Toronto",
        domain="example.ca",
        first_names=(*ENGLISH_FIRST, "Élodie", "Mathieu", "Chloé", "Étienne"),
        last_names=(*ENGLISH_LAST, "Gagnon", "Côté", "Bouchard", "Lévesque"),
        cities=(
            ("Toronto", "Ontario", "M5V 2T6"),
            ("Montréal", "Québec", "H2X 1Y4"),
            ("Vancouver", "British Columbia", "V6B 1A1"),
            ("Halifax", "Nova Scotia", "B3J 3K5"),
        ),
        phone="+1 416 555 01##",
    ),
    Country(
        name="Mexico",
        share=18,
        timezone="America/Mexico_City",
        domain="example.mx",
        first_names=("Sofía", "Mateo", "Valentina", "Diego", "Ximena", "Andrés", "Lucía", "Emiliano", "Renata", "Joaquín"),
        last_names=("Hernández", "Ramírez", "Cruz", "Ortega", "Vázquez", "Luna", "Peña", "Salazar", "Núñez", "Aguilar"),
        cities=(
            ("Guadalajara", "Jalisco", "44100"),
            ("Monterrey", "Nuevo León", "64000"),
            ("Mérida", "Yucatán", "97000"),
            ("Puebla", "Puebla", "72000"),
        ),
        phone="+52 55 5555 ####",
    ),
    Country(
        name="United States",
        share=26,
        timezone="America/New_York",
        domain="example.com",
        first_names=(*ENGLISH_FIRST, "Carmen", "Jamal", "Priya", "Tyler"),
        last_names=(*ENGLISH_LAST, "Ortiz", "Nguyen", "Patel", "Brooks"),
        cities=(
            ("Portland", "Oregon", "97201"),
            ("Austin", "Texas", "73301"),
            ("Boston", "Massachusetts", "02108"),
            ("Denver", "Colorado", "80202"),
        ),
        phone="+1 212 555 01##",
    ),
    Country(
        name="Germany",
        share=14,
        timezone="Europe/Berlin",
        domain="example.de",
        first_names=("Anna", "Jonas", "Lena", "Felix", "Käthe", "Jörg", "Marie", "Paul", "Clara", "Günther"),
        last_names=("Schäfer", "Weiß", "Krüger", "Vogel", "Lange", "Brandt", "Größer", "Huber", "Seidel", "Voß"),
        cities=(
            ("Berlin", "Berlin", "10115"),
            ("Köln", "Nordrhein-Westfalen", "50667"),
            ("München", "Bayern", "80331"),
            ("Leipzig", "Sachsen", "04103"),
        ),
        phone="+49 30 23125 ###",
    ),
    Country(
        name="France",
        share=10,
        timezone="Europe/Paris",
        domain="example.fr",
        first_names=("Camille", "Hugo", "Inès", "Théo", "Zoé", "Raphaël", "Manon", "Gaël"),
        last_names=("Lefèvre", "Moreau", "Garnier", "Chevalier", "Lemaître", "Perrin", "Besson", "Noël"),
        cities=(("Lyon", "Auvergne-Rhône-Alpes", "69001"), ("Nantes", "Pays de la Loire", "44000"), ("Lille", "Hauts-de-France", "59000")),
        phone="+33 1 99 00 ## ##",
    ),
    Country(
        name="Japan",
        share=8,
        timezone="Asia/Tokyo",
        domain="example.jp",
        first_names=("Haruka", "Ren", "Yui", "Sota", "Aoi", "Kenji", "Sakura", "Daiki"),
        last_names=("Takahashi", "Kobayashi", "Mori", "Ishikawa", "Hayashi", "Fujita", "Okada", "Nishimura"),
        cities=(("Kyoto", "Kyoto", "600-8001"), ("Sapporo", "Hokkaido", "060-0001"), ("Fukuoka", "Fukuoka", "810-0001")),
        phone="+81 3 5555 ####",
    ),
)

FIRMS = (
    "Alder & Finch",
    "Blue Heron Logistics",
    "Cedar Street Press",
    "Dovetail Furniture",
    "Eastwind Energy",
    "Fable Toys",
    "Granite Software",
    "Harbour Foods",
    "Inkwell Studio",
    "Juniper Health",
    "Kestrel Optics",
    "Lantern Travel",
    "Maple Court Legal",
    "Northlight Solar",
    "Orchard Bank",
    "Pinecone Outdoor",
)
JOBS = ("Owner", "Buyer", "Engineer", "Designer", "Head of Sales", "Accountant", "Teacher", "Office Manager", "Consultant", "Editor")
STREETS = ("Mill Lane", "Station Road", "Harbour Street", "Linden Avenue", "Market Square", "Hill Road", "Garden Street")
SOURCES = ("Website", "Referral", "Trade fair", "Newsletter", "Cold call")
STATUSES = ("Lead", "Active", "Dormant", "Lost")

TAGS = (
    "Newsletter",
    "Client",
    "Prospect",
    "Event 2026",
    "VIP",
    "Partner",
    "Webinar",
    "Supplier",
    "Press",
    "Renewal due",
    "Do not call",
    "Beta tester",
)
"""Ordered by frequency, most frequent first."""

MEETINGS = ("First call", "Product demo", "Quarterly review", "Contract talk", "Onboarding", "Lunch", "Site visit", "Check-in")
PLACES = ("Video call", "Phone", "Our office", "At the client's", "Café Central")
