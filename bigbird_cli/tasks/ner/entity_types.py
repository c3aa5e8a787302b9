"""OntoNotes' types of names, as many taggers have them."""

DESCRIPTIONS = {
    "CARDINAL": "numbers that are of no other type: two, 4,500",
    "DATE": "dates, years, days and times longer than a day: 13 March 1963, last week",
    "EVENT": "battles, storms, wars, sports and other events with a name",
    "FAC": "buildings, airports, roads, bridges and other things that were built",
    "GPE": "countries, states, cities: places with a government",
    "LANGUAGE": "languages",
    "LAW": "laws, treaties and other documents that bind",
    "LOC": "other places: mountains, seas, regions, planets",
    "MONEY": "amounts of money, with the currency",
    "NORP": "nationalities, religious and political groups",
    "ORDINAL": "first, 3rd and the like",
    "ORG": "companies, agencies, institutions, teams",
    "PERCENT": "percentages, with the sign or word",
    "PERSON": "people, fictional ones too",
    "PRODUCT": "vehicles, devices, foods and other things that are made",
    "QUANTITY": "weights, distances and other measures",
    "TIME": "times shorter than a day: ten minutes, noon",
    "WORK_OF_ART": "books, songs, films and other works",
}
"""What each type is for, in a line."""
