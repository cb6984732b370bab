"""Every code that the demo hospital writes, once, with its display.

A code stands here only if it is in the guidance's value sets (or below one of their prefixes), in the clinical
content, or in the public material named in docs/demo-hospital.md (ICD-10-PCS, OMB race and ethnicity categories).
"""

from __future__ import annotations

from dataclasses import dataclass

LOINC = "http://loinc.org"
SNOMED = "http://snomed.info/sct"
ICD10CM = "http://hl7.org/fhir/sid/icd-10-cm"
ICD10PCS = "http://www.cms.gov/Medicare/Coding/ICD10"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
UCUM = "http://unitsofmeasure.org"
HL7 = "http://terminology.hl7.org/CodeSystem"
OMB = "urn:oid:2.16.840.1.113883.6.238"


@dataclass(frozen=True, slots=True)
class Illness:
    """A diagnosis: its ICD-10-CM code and, where the value sets name one, its SNOMED CT code."""

    icd: str
    text: str
    snomed: str = ""


ILLNESSES: dict[str, Illness] = {
    # chronic
    "hypertension": Illness("I10", "Essential (primary) hypertension", "59621000"),
    "heart_failure": Illness("I50.22", "Chronic systolic (congestive) heart failure", "84114007"),
    "copd": Illness("J44.9", "Chronic obstructive pulmonary disease, unspecified", "13645005"),
    "ckd3": Illness("N18.30", "Chronic kidney disease, stage 3 unspecified", "433144002"),
    "ckd4": Illness("N18.4", "Chronic kidney disease, stage 4 (severe)", "431857002"),
    "ckd5": Illness("N18.5", "Chronic kidney disease, stage 5", "433146000"),
    "diabetes": Illness("E11.9", "Type 2 diabetes mellitus without complications", "44054006"),
    "diabetes_kidney": Illness("E11.22", "Type 2 diabetes mellitus with diabetic chronic kidney disease", "44054006"),
    "dementia": Illness("F03.90", "Unspecified dementia without behavioral disturbance", "52448006"),
    "cancer_lung": Illness(
        "C34.90", "Malignant neoplasm of unspecified part of unspecified bronchus or lung", "363346000"
    ),
    "cancer_colon": Illness("C18.9", "Malignant neoplasm of colon, unspecified", "363346000"),
    "cancer_breast": Illness(
        "C50.919", "Malignant neoplasm of unspecified site of unspecified female breast", "363346000"
    ),
    "cancer_prostate": Illness("C61", "Malignant neoplasm of prostate", "363346000"),
    "metastasis": Illness("C78.7", "Secondary malignant neoplasm of liver and intrahepatic bile duct", "128462008"),
    "dyslipidaemia": Illness("E78.5", "Hyperlipidemia, unspecified", "55822004"),
    "coronary": Illness(
        "I25.10", "Atherosclerotic heart disease of native coronary artery without angina pectoris", "53741008"
    ),
    "peripheral_artery": Illness("I73.9", "Peripheral vascular disease, unspecified", "400047006"),
    "stroke_sequelae": Illness("I69.30", "Unspecified sequelae of cerebral infarction"),
    "cirrhosis": Illness("K74.60", "Unspecified cirrhosis of liver", "19943007"),
    "rheumatoid": Illness("M06.9", "Rheumatoid arthritis, unspecified"),
    "palliative": Illness("Z51.5", "Encounter for palliative care", "103735009"),
    # acute, the reason of an unplanned stay
    "heart_failure_acute": Illness("I50.23", "Acute on chronic systolic (congestive) heart failure", "84114007"),
    "copd_acute": Illness("J44.1", "Chronic obstructive pulmonary disease with (acute) exacerbation", "13645005"),
    "pneumonia": Illness("J18.9", "Pneumonia, unspecified organism"),
    "sepsis": Illness("A41.9", "Sepsis, unspecified organism"),
    "infarction": Illness("I21.4", "Non-ST elevation (NSTEMI) myocardial infarction", "22298006"),
    "stroke": Illness("I63.9", "Cerebral infarction, unspecified", "230690007"),
    "kidney_injury": Illness("N17.9", "Acute kidney failure, unspecified", "14669001"),
    "respiratory_failure": Illness("J96.01", "Acute respiratory failure with hypoxia"),
    "pancreatitis": Illness("K85.90", "Acute pancreatitis without necrosis or infection, unspecified"),
    "embolism": Illness("I26.99", "Other pulmonary embolism without acute cor pulmonale"),
    "hyperosmolar": Illness("E11.00", "Type 2 diabetes mellitus with hyperosmolarity without nonketotic coma"),
    "transient_ischaemia": Illness("G45.9", "Transient cerebral ischemic attack, unspecified", "266257000"),
    "depression": Illness("F33.2", "Major depressive disorder, recurrent severe without psychotic features"),
    # planned
    "chemotherapy": Illness("Z51.11", "Encounter for antineoplastic chemotherapy"),
    "joint_aftercare": Illness("Z47.1", "Aftercare following joint replacement surgery"),
    "carotid": Illness("I65.29", "Occlusion and stenosis of unspecified carotid artery"),
    "delivery": Illness("O80", "Encounter for full-term uncomplicated delivery"),
}

# How a unit of the condition weighs in the updated Charlson index (Quan 2011), as in the clinical content.
QUAN_2011: dict[str, int] = {
    "heart_failure": 2, "copd": 1, "ckd3": 1, "ckd4": 1, "ckd5": 1, "diabetes_kidney": 1, "dementia": 2,
    "cancer_lung": 2, "cancer_colon": 2, "cancer_breast": 2, "cancer_prostate": 2, "metastasis": 6,
    "cirrhosis": 2, "rheumatoid": 1,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Analyte:
    """A laboratory test or vital sign: LOINC, unit, decimals, plausible limits, and how long its result takes."""

    loinc: str
    text: str
    unit: str
    decimals: int
    low: float
    high: float
    hours: float  # median from specimen to result; a vital sign is there at once
    vital: bool = False


TESTS: dict[str, Analyte] = {
    "hb": Analyte("718-7", "Hemoglobin [Mass/volume] in Blood", "g/dL", 1, 4.5, 19.0, 1.2),
    "wbc": Analyte("6690-2", "Leukocytes [#/volume] in Blood by Automated count", "10*3/uL", 1, 0.4, 60.0, 1.2),
    "na": Analyte("2951-2", "Sodium [Moles/volume] in Serum or Plasma", "mmol/L", 0, 112.0, 168.0, 1.5),
    "k": Analyte("2823-3", "Potassium [Moles/volume] in Serum or Plasma", "mmol/L", 1, 2.2, 7.2, 1.5),
    "bun": Analyte("3094-0", "Urea nitrogen [Mass/volume] in Serum or Plasma", "mg/dL", 0, 3.0, 160.0, 1.5),
    "creatinine": Analyte("2160-0", "Creatinine [Mass/volume] in Serum or Plasma", "mg/dL", 2, 0.3, 14.0, 1.5),
    "albumin": Analyte("1751-7", "Albumin [Mass/volume] in Serum or Plasma", "g/dL", 1, 1.2, 5.4, 7.0),
    "hba1c": Analyte("4548-4", "Hemoglobin A1c/Hemoglobin.total in Blood", "%", 1, 4.2, 15.0, 20.0),
    "glucose": Analyte("2345-7", "Glucose [Mass/volume] in Serum or Plasma", "mg/dL", 0, 45.0, 620.0, 1.5),
    "cholesterol": Analyte("2093-3", "Cholesterol [Mass/volume] in Serum or Plasma", "mg/dL", 0, 90.0, 380.0, 5.0),
    "hdl": Analyte("2085-9", "Cholesterol in HDL [Mass/volume] in Serum or Plasma", "mg/dL", 0, 18.0, 110.0, 5.0),
    "pressure": Analyte("85354-9", "Blood pressure panel with all children optional", "mm[Hg]", 0, 70.0, 230.0, 0, True),
    "pulse": Analyte("8867-4", "Heart rate", "/min", 0, 38.0, 170.0, 0, True),
    "breathing": Analyte("9279-1", "Respiratory rate", "/min", 0, 8.0, 44.0, 0, True),
    "temperature": Analyte("8310-5", "Body temperature", "Cel", 1, 34.5, 41.0, 0, True),
    "saturation": Analyte("59408-5", "Oxygen saturation in Arterial blood by Pulse oximetry", "%", 0, 74.0, 100.0, 0, True),
    "weight": Analyte("29463-7", "Body weight", "kg", 1, 35.0, 190.0, 0, True),
    "bmi": Analyte("39156-5", "Body mass index (BMI) [Ratio]", "kg/m2", 1, 14.0, 60.0, 0, True),
    "smoking": Analyte("72166-2", "Tobacco smoking status", "", 0, 0, 0, 0, True),
    # beside the life: what the wards measure of the sicker ones, and what prevention asks for
    "gcs": Analyte("9269-2", "Glasgow coma score total", "{score}", 0, 3.0, 15.0, 0, True),
    "consciousness": Analyte("80288-4", "Level of consciousness AVPU score", "", 0, 0, 0, 0, True),
    "oxygen_flow": Analyte("3151-8", "Inhaled oxygen flow rate", "L/min", 0, 0.0, 15.0, 0, True),
    "urine": Analyte("9192-6", "Urine output 24 hour", "mL", 0, 40.0, 6000.0, 0, True),
    "pafi": Analyte("50984-4", "Horowitz index in Arterial blood", "mm[Hg]", 0, 50.0, 520.0, 0.4),
    "ph": Analyte("2744-1", "pH of Arterial blood", "[pH]", 2, 6.9, 7.6, 0.4),
    "lactate": Analyte("32693-4", "Lactate [Moles/volume] in Blood", "mmol/L", 1, 0.4, 18.0, 0.6),
    "bilirubin": Analyte("1975-2", "Bilirubin.total [Mass/volume] in Serum or Plasma", "mg/dL", 1, 0.2, 30.0, 3.0),
    "ldl": Analyte(
        "13457-7", "Cholesterol in LDL [Mass/volume] in Serum or Plasma by calculation", "mg/dL", 0, 20.0, 300.0, 5.0),
    "triglycerides": Analyte("2571-8", "Triglyceride [Mass/volume] in Serum or Plasma", "mg/dL", 0, 40.0, 800.0, 5.0),
    "glucose_fasting": Analyte(
        "1558-6", "Fasting glucose [Mass/volume] in Serum or Plasma", "mg/dL", 0, 45.0, 620.0, 1.5),
    "ast": Analyte(
        "1920-8", "Aspartate aminotransferase [Enzymatic activity/volume] in Serum or Plasma", "U/L", 0, 6.0, 900.0, 3.0),
    "height": Analyte("8302-2", "Body height", "cm", 0, 130.0, 210.0, 0, True),
}  # fmt: skip
SYSTOLIC, DIASTOLIC = ("8480-6", "Systolic blood pressure"), ("8462-4", "Diastolic blood pressure")
SMOKING = {
    "current": ("449868002", "Current every day smoker"),
    "former": ("8517006", "Former smoker"),
    "never": ("266919005", "Never smoker"),
}
ACVPU: tuple[tuple[int, str], ...] = (
    (15, "Alert"),
    (14, "Confusion"),
    (12, "Verbal"),
    (8, "Pain"),
    (3, "Unresponsive"),
)
"""The lowest coma score of each word; no verified code was found for these answers, so they are text."""

DRUGS: dict[str, tuple[str, str]] = {
    "lisinopril": ("29046", "lisinopril"), "losartan": ("52175", "losartan"), "amlodipine": ("17767", "amlodipine"),
    "metoprolol": ("6918", "metoprolol"), "carvedilol": ("20352", "carvedilol"), "furosemide": ("4603", "furosemide"),
    "spironolactone": ("9997", "spironolactone"), "atorvastatin": ("83367", "atorvastatin"),
    "rosuvastatin": ("301542", "rosuvastatin"), "hydrochlorothiazide": ("5487", "hydrochlorothiazide"),
    "metformin": ("6809", "metformin"), "empagliflozin": ("1545653", "empagliflozin"),
    "glipizide": ("4821", "glipizide"), "insulin_glargine": ("274783", "insulin glargine"),
    "insulin_lispro": ("86009", "insulin lispro"), "insulin_regular": ("253182", "insulin, regular, human"),
    "ibuprofen": ("5640", "ibuprofen"), "meloxicam": ("41493", "meloxicam"), "methotrexate": ("6851", "methotrexate"),
    "ketorolac": ("35827", "ketorolac"), "gentamicin": ("1596450", "gentamicin"),
    "vancomycin": ("11124", "vancomycin"), "cisplatin": ("2555", "cisplatin"),
    "acetaminophen": ("313782", "acetaminophen 325 MG Oral Tablet"), "diltiazem": ("3443", "diltiazem"),
}  # fmt: skip

DRUG_CLASS: dict[str, str] = {
    **dict.fromkeys(
        ("lisinopril", "losartan", "amlodipine", "metoprolol", "carvedilol", "furosemide", "spironolactone",
         "hydrochlorothiazide", "diltiazem"), "antihypertensive"),
    **dict.fromkeys(("atorvastatin", "rosuvastatin"), "statin"),
}  # fmt: skip

PROCEDURES: dict[str, tuple[str, str]] = {
    "transfusion": (
        "30233N1", "Transfusion of Nonautologous Red Blood Cells into Peripheral Vein, Percutaneous Approach"),
    "dialysis": ("5A1D70Z", "Performance of Urinary Filtration, Intermittent, Less than 6 Hours Per Day"),
    "ventilation": ("5A1945Z", "Respiratory Ventilation, 24-96 Consecutive Hours"),
    "central_line": ("02HV33Z", "Insertion of Infusion Device into Superior Vena Cava, Percutaneous Approach"),
    "catheterisation": (
        "4A023N7", "Measurement of Cardiac Sampling and Pressure, Left Heart, Percutaneous Approach"),
    "chemotherapy": ("3E04305", "Introduction of Other Antineoplastic into Central Vein, Percutaneous Approach"),
    "knee": ("0SRC0J9", "Replacement of Right Knee Joint with Synthetic Substitute, Cemented, Open Approach"),
    "coronary_bypass": (
        "021009W", "Bypass Coronary Artery, One Artery from Aorta with Autologous Venous Tissue, Open Approach"),
    "endarterectomy": ("03CK0ZZ", "Extirpation of Matter from Right Internal Carotid Artery, Open Approach"),
    "leg_bypass": (
        "041K09L", "Bypass Right Femoral Artery to Popliteal Artery with Autologous Venous Tissue, Open Approach"),
    "mastectomy": ("0HTT0ZZ", "Resection of Right Breast, Open Approach"),
    "prostatectomy": ("0VT00ZZ", "Resection of Prostate, Open Approach"),
    "lobectomy": ("0BTC0ZZ", "Resection of Right Upper Lung Lobe, Open Approach"),
    "colectomy": ("0DTN0ZZ", "Resection of Sigmoid Colon, Open Approach"),
}  # fmt: skip

ON_THE_WARD: dict[str, tuple[str, str]] = {  # procedures that have a SNOMED CT code, and none of ICD-10-PCS
    "oxygen": ("371907003", "Oxygen administration by nasal cannula"),
    "intensive_care": ("305351004", "Admission to intensive care unit"),
}

RACES: tuple[tuple[str, str, float], ...] = (
    ("2106-3", "White", 0.62), ("2054-5", "Black or African American", 0.19), ("2028-9", "Asian", 0.09),
    ("1002-5", "American Indian or Alaska Native", 0.03), ("", "Unknown", 0.07),
)  # fmt: skip
HISPANIC, NOT_HISPANIC = ("2135-2", "Hispanic or Latino"), ("2186-5", "Not Hispanic or Latino")
LANGUAGES: tuple[tuple[str, str, float], ...] = (
    ("en", "English", 0.83), ("es", "Spanish", 0.11), ("zh", "Chinese", 0.03), ("vi", "Vietnamese", 0.03),
)  # fmt: skip
SITES: tuple[tuple[str, float], ...] = (
    ("North General", 0.42), ("Harbour", 0.28), ("St Vera", 0.18), ("Riverside", 0.12),
)  # fmt: skip
FAMILY_NAMES = (
    "Abara", "Bell", "Castro", "Dahl", "Eriksen", "Flores", "Garner", "Huang", "Ibarra", "Jansen", "Kaur", "Lund",
    "Moreau", "Nguyen", "Okafor", "Petrov", "Quist", "Rossi", "Silva", "Tanaka", "Usman", "Vega", "Weber", "Young",
)  # fmt: skip
GIVEN_NAMES = (
    ("Adam", "Bruno", "Carlos", "David", "Emil", "Felix", "George", "Henry", "Ivan", "Jorge", "Kofi", "Luis"),
    ("Ada", "Beatriz", "Clara", "Dina", "Elena", "Fatima", "Grace", "Hana", "Ines", "Joan", "Kira", "Lucia"),
)  # fmt: skip
