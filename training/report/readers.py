"""Tables of `training.readers`."""

from typing import Any

FIGURES = ("binary_f1_at_0.5", "binary_f1_at_validation_threshold", "roc_auc")
COMPARED = ("binary_f1_at_validation_threshold", "roc_auc")
OWN = "AULLM++"
PARTNERS = (
    "What a unit's partners do to it: its logit with another unit's node from a clip that shows that unit, less the "
    "same with one that does not. Agreement: correlation of these effects with that of the units' labels in training."
)


def readers_markdown(figures: dict[str, dict[str, Any]], partners: dict[str, dict[str, float | None]]) -> str:
    """A table of the figures, and one of what partners do.

    Args:
        figures: By test bed and method.
        partners: `PartnerEffect` by test bed.
    """
    head = ["test bed", "method", "binary F1 at 0.5", "binary F1 at validation threshold", "ROC AUC"]
    head += ["AULLM++ ahead by, binary F1 [95 %]", "AUC [95 %]"]
    lines = [f"| {' | '.join(head)} |", "| --- " * len(head) + "|"]
    for bed, methods in figures.items():
        for method, values in methods.items():
            cells = ["-" if values[name] is None else f"{values[name]:.3f}" for name in FIGURES]
            cells += ["" if method == OWN else _interval(values["AULLM++ ahead by"][name]) for name in COMPARED]
            lines.append(f"| {bed} | {method} | {' | '.join(cells)} |")
    lines += [
        "",
        PARTNERS,
        "",
        "| test bed | size of the effect, logits | agreement with the rules |",
        "| --- " * 3 + "|",
    ]
    for bed, effect in partners.items():
        agreement = "-" if effect["agreement"] is None else f"{effect['agreement']:+.2f}"
        lines.append(f"| {bed} | {effect['size']:.3f} | {agreement} |")
    return "\n".join(lines) + "\n"


def _interval(value: dict[str, float | None]) -> str:
    """A difference with its interval."""
    if value["difference"] is None:
        return "-"
    return f"{value['difference']:+.3f} [{value['low']:+.3f}, {value['high']:+.3f}]"
