"""Reports of the laboratory's studies: training, adaptation, forgetting, budgets, interventions."""

from ratchet.report.laboratory.study import STUDIES, study_document, study_summary

__all__ = ["STUDIES", "study_document", "study_summary"]
