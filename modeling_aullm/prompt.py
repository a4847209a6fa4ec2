"""The prompt: a case file for a FACS coder, with one place for each token.

Wording is our own choice; AULLM++ publishes only the order of the parts (its framework figure). The default puts all
static text first, so that its keys and values can be shared by every clip; the figure's order is the other preset.
"""

from collections.abc import Sequence

from transformers import PreTrainedTokenizerBase

from .facs import ACTION_UNITS

CONTENT_ID = -1
INSTRUCTION_ID = -2
PLACEHOLDERS = {"{content}": CONTENT_ID, "{instruction}": INSTRUCTION_ID}
ANCHORS = {CONTENT_ID: " evidence", INSTRUCTION_ID: " structure"}
AU_LLM_PROMPT = "Please analyze the features and classify AU{content}"


def unit_name(code: str) -> str:
    """How a unit stands in the prompt: code and FACS name, such as `AU12 lip corner puller`."""
    return f"{code} {ACTION_UNITS[code].name.lower()}"


def _case(action_units: Sequence[str], relations: Sequence[Sequence[str]], structure: bool) -> str:
    units = ", ".join(map(unit_name, sorted(action_units, key=lambda code: ACTION_UNITS[code].number)))
    lines = ["Case file of a FACS coder. A face moved for less than half a second.", f"Units in question: {units}."]
    for relation_type, words in (("co-occurring", "Often together"), ("mutually exclusive", "Rarely together")):
        pairs = ", ".join(f"{a[2:]}+{b[2:]}" for a, b, type_ in relations if type_ == relation_type)
        if structure and pairs:
            lines.append(f"{words}: {pairs}.")
    entries = "how the units combine, then what moved" if structure else "what moved"
    return "\n".join([*lines, f"Decide which units are active. Evidence rules. Entered below: {entries}.", ""])


def case_file_prompt(action_units: Sequence[str], relations: Sequence[Sequence[str]], *, structure: bool) -> str:
    """The default template: units in question, how they combine, what to decide; the tokens stand last.

    Args:
        action_units: Codes of the model's units.
        relations: Edges (first unit, second unit, type).
        structure: Whether the model has an Instruction Token.
    """
    return _case(action_units, relations, structure) + ("{instruction}{content}" if structure else "{content}")


def figure_order_prompt(action_units: Sequence[str], relations: Sequence[Sequence[str]]) -> str:
    """The order drawn in AULLM++'s framework figure: content token, instruction token, task prompt."""
    return "{content}{instruction}\n" + _case(action_units, relations, structure=True).replace("below", "above")


def split_prompt(prompt: str) -> list[str]:
    """Cut a template into text and placeholders, in order, without empty pieces."""
    pieces = [prompt]
    for placeholder in PLACEHOLDERS:
        cut = [piece.partition(placeholder) if piece not in PLACEHOLDERS else (piece,) for piece in pieces]
        pieces = [part for parts in cut for part in parts if part]
    return pieces


def check_prompt(prompt: str, *, structure: bool) -> None:
    """Check that a template holds each placeholder it needs exactly once.

    Raises:
        ValueError: If a placeholder is missing, stands twice or has no token to be filled with.
    """
    for placeholder, wanted in (("{content}", 1), ("{instruction}", int(structure))):
        if prompt.count(placeholder) != wanted:
            raise ValueError(
                f"the prompt must hold {placeholder} {'once' if wanted else 'not at all, the model has no structure'},"
                f" found {prompt.count(placeholder)}: {prompt!r}"
            )


def tokenize_prompt(prompt: str, tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """Token ids of a template, with `CONTENT_ID` and `INSTRUCTION_ID` where the placeholders stand.

    A beginning-of-sequence token is put first if the LLM has one: language models read their first position badly
    without it.

    Args:
        prompt: The template.
        tokenizer: The LLM's tokenizer.
    """
    ids = [] if tokenizer.bos_token_id is None else [tokenizer.bos_token_id]
    for piece in split_prompt(prompt):
        if piece in PLACEHOLDERS:
            ids.append(PLACEHOLDERS[piece])
        else:
            ids.extend(tokenizer(piece, add_special_tokens=False)["input_ids"])
    return ids


def unit_positions(prompt: str, action_units: Sequence[str], tokenizer: PreTrainedTokenizerBase) -> list[int] | None:
    """Where each unit's name ends in `tokenize_prompt`'s ids; `None` for a prompt that does not name them all.

    Args:
        prompt: The template.
        action_units: Codes.
        tokenizer: The LLM's tokenizer.
    """
    ends = [prompt.find(unit_name(code)) + len(unit_name(code)) for code in action_units]
    if any(unit_name(code) not in prompt for code in action_units):
        return None
    return [len(tokenize_prompt(prompt[:end], tokenizer)) - 1 for end in ends]


def anchor_token_ids(tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """Ids of the two words that stand at the placeholders, for the content and the instruction token.

    Own choice: what was seen is added to the embedding of a word. A token that is nothing like a word throws the LLM
    off, and a linear head reads the evidence out of its last state less well (ablation `bare_tokens` of
    `results/run.sh`).
    """
    return [tokenizer(word, add_special_tokens=False)["input_ids"][-1] for word in ANCHORS.values()]


def bare_prompt(prompt: str) -> list[int]:
    """The template's placeholders alone, in order: what a model without a tokenizer can read."""
    return [PLACEHOLDERS[piece] for piece in split_prompt(prompt) if piece in PLACEHOLDERS]
