"""What do people look at?

One self-contained HTML file each for a batch's validation, a version's evaluation, a case, a
model's life and the fleet. They are written, never served from here, and a row's values stand on
none of them.
"""

from tenure.pages.case import write_case_page
from tenure.pages.drawing import draw_model, draw_remarked
from tenure.pages.evaluation import write_evaluation_page
from tenure.pages.fleet import write_index
from tenure.pages.life import write_model_page
from tenure.pages.validation import write_validation_page

__all__ = [
    "draw_model",
    "draw_remarked",
    "write_case_page",
    "write_evaluation_page",
    "write_index",
    "write_model_page",
    "write_validation_page",
]
