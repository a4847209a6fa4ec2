"""Texts of the page."""

from html import escape

from . import checkpoint, detector
from .expression_table import describe_found, describe_sensitivity
from .limits import FILES_KEPT_SECONDS, MAX_MEGABYTES, MAX_SECONDS, MAX_SIDE, RESULTS_KEPT_SECONDS
from .moments import Analysis

GAPS_LISTED = 4
_KEPT = f"{FILES_KEPT_SECONDS // 60} minutes"
_HEADER = """<header><h1>Micro-expressions, unit by unit</h1>
<p>A face moves for less than half a second. Which muscles? Give a video of one face: the page {finds}magnifies the
movement and names the <strong>Action Units</strong> of FACS that the model sees, and why. What it names is change, not
posture: a smile that is held from the first frame to the last is no movement.</p>
<p class="warning">{checkpoint}</p></header>"""
STEP_ONE = "### 1 &nbsp; Choose an example …"
STEP_OWN = "### … or give a video of your own"
LIMITS = (
    f"Up to {MAX_SECONDS} s, {MAX_MEGABYTES} MB and {MAX_SIDE} pixels a side: one face, from the front, well lit. "
    f"Deleted after {_KEPT}. A video that your browser cannot play is looked at all the same."
)
READY = """<p class="status" role="status">Next: click an example, or give a video and press
<strong>Find action units</strong>.</p>
<ol class="guide"><li><strong>Which muscles moved?</strong> A bar for every unit, and its place on the face.</li>
<li><strong>How?</strong> The movement frame by frame, and magnified until half a pixel can be seen.</li>
<li><strong>Why does the model say so?</strong> What it looked at, and which units it expects together.</li>
<li><strong>What if</strong> a rule were another? Switch it, and watch the numbers move.</li></ol>"""
TIMELINE = (
    "Beside each unit stands its threshold: from there on it is active (dot), most of all at a peak (star). Of veiled "
    "stretches nothing is stated. Where a face relaxes, the opposite movement is seen: AU15 behind a smile. Click a "
    "moment to see it, drag to zoom."
)
EXPRESSIONS_TIMELINE = (
    "Bars are the expressions, from onset to offset with a mark at the apex: filled ones are over within half a second "
    "(micro), hollow ones last longer. Below them stands how likely each unit is in motion, with a dot where it is "
    "active in an expression. Of veiled stretches nothing is stated. Click a bar to see it, drag to zoom."
)
NO_MOVEMENT = "<p>Here the movement is shown frame by frame, and magnified, once a video is done.</p>"
NO_REASONS = "<p>Here stands what the model went by, once a video is done.</p>"
EXPIRED = "This result has been deleted, as everything here is after some minutes. Press Find action units once more."
ABOUT = f"""
**Limits.** Only change within a clip is named, no posture: who grins all the time has no active unit. Head movement,
speech, poor light and faces seen from the side make errors. Nobody has measured how the errors differ between groups of
people, and a movement of the face is neither an emotion nor an intention.

**Not for decisions about people**: no hiring, policing, lie detection, or inference of emotions at school or at work,
which the EU AI Act (Article 5(1)(f)) prohibits.

**Privacy.** Your video is used for this page alone. It is deleted from the disk within some minutes ({_KEPT} after the
upload), what was found in it is forgotten after {RESULTS_KEPT_SECONDS // 60} minutes, and nothing is stored or sent on.

**Method.** AULLM++ (arXiv 2603.08387): learnable motion magnification (LED), the displacement of the skin, a small 3D
CNN, a gate of four experts, a graph of relations between units, and a language model with LoRA that decides. The model
card tells all of it.

**From a program.** The endpoint `/action_units` (described at this page's address with `?view=api`) answers with the
JSON of `aullm predict --json`.
"""


def header() -> str:
    """What the page is for, and which checkpoint answers."""
    sentence = checkpoint.describe(detector.NAME, checkpoint.trained_on())
    finds = "finds such expressions, " if detector.FINDS_EVENTS else ""
    return _HEADER.format(checkpoint=sentence, finds=finds)


def error(text: str) -> str:
    """A message that stays in the page."""
    return f'<p class="status error" role="alert"><strong>This did not work.</strong> {escape(text)}</p>'


def found(analysis: Analysis, num_faces: int) -> str:
    """What was looked at, of what nothing is stated, and what to do next.

    Args:
        analysis: What was found of the face shown.
        num_faces: Faces met in the video.
    """
    seen = [f"{analysis.num_frames} frames"]
    seen += [f"{analysis.end_time:.2f} s"] if analysis.finds_events else []
    seen += [f"{len(analysis.moments)} moments"] if analysis.is_timeline and not analysis.finds_events else []
    seen += [f"{num_faces} faces, of which face {analysis.face_id} is shown"] if num_faces > 1 else []
    told = (_expressions(analysis) if analysis.finds_events else "") + _recording(analysis) + _gaps(analysis)
    next_step = "Next: step through the movement, then ask <em>Why</em> and <em>What if</em> below."
    if not analysis.moments:
        next_step = "Next: to look for fainter ones, choose a higher sensitivity under Options."
    return f'<p class="status" role="status">Done: {", ".join(seen)}. {told}{next_step}</p>'


def kind_of_moment(analysis: Analysis) -> str:
    """What the page steps through."""
    return "expression" if analysis.finds_events else "moment"


def _expressions(analysis: Analysis) -> str:
    name = analysis.request.sensitivity
    what = "No expression was found"
    if analysis.moments:
        what = f"{describe_found(analysis.moments)} found"
    return f"<strong>{what}</strong> at {name} sensitivity ({describe_sensitivity(name)}). "


def _recording(analysis: Analysis) -> str:
    told = ""
    if analysis.recording.get("is_mirrored"):
        told = "It is shown mirrored, as the file asks: left and right are swapped against the picture it stores. "
    limits = analysis.recording["limits"]
    if not limits:
        return told
    listed = "; ".join(f"{limit['reason']} ({limit['advice']})" for limit in limits)
    verdict = analysis.recording["verdict"]
    said = verdict if verdict.startswith("cannot") else f"is {verdict}"
    return f"{told}<strong>This recording {said}</strong>: {escape(listed)}. "


def _gaps(analysis: Analysis) -> str:
    if not analysis.gaps:
        return ""
    listed = [f"{gap.start_time:.2f} to {gap.end_time:.2f} s ({gap.reason})" for gap in analysis.gaps[:GAPS_LISTED]]
    more = len(analysis.gaps) - len(listed)
    listed += [f"{more} more, in the timeline"] if more else []
    return escape(f"Nothing is stated of {', '.join(listed)}. ")


CHOOSE_FIRST = error("There is no video yet. Choose an example, upload a video or record one.")
