"""Wordings of every kind of question. Those under `TRIED` are for tests alone: nobody learns from them.

Slots: `{unit}` a unit by any of its names, `{other}` another one, `{name}` its FACS name, `{clause}` what it does,
`{region}`, `{side}`, `{nth}` such as `second`, `{n}` such as `2`. The fixed questions of the Micro-Expression Grand
Challenge stand among them as published; all other sentences are ours.
"""

LEARNED: dict[str, tuple[str, ...]] = {
    "units": (
        "Which muscles moved?", "What moved?", "Which action units are active?", "What are the action units?",
        "Which AUs do you see?", "List the action units.", "What did the face do?", "Which facial muscles contracted?",
        "Tell me which units were found.", "What movements are there?", "What parts of the face moved, in FACS terms?",
        "Name all active action units.", "Which AUs are present?", "What is moving in this face?",
    ),
    "units_of": (
        "Which muscles moved in the {nth} expression?", "What are the action units of expression {n}?",
        "Which AUs are in the {nth} one?", "What moved in expression {n}?", "Which units make up the {nth} expression?",
        "Name the action units of the {nth} micro-expression.",
    ),
    "number": (
        "How many action units are active?", "How many muscles moved?", "How many AUs do you see?",
        "What is the number of active units?", "Count the action units.",
    ),
    "strongest": (
        "What is the action unit?", "Which unit is the clearest?", "What is the main movement?",
        "Which action unit are you most sure of?", "Which movement stands out?", "What is the most probable unit?",
    ),
    "where": (
        "Where did the face move?", "Which regions of the face moved?", "In what part of the face was the movement?",
        "Where is the movement?", "Which areas show activity?",
    ),
    "emotion": (
        "What emotion is it?", "What is the fine-grained expression class?", "Which emotion does the face show?",
        "Are they happy?", "Is she angry?", "Is this person sad?", "What do they feel?", "Which feeling is that?",
        "Is he surprised?", "Does the face show fear?", "Is this disgust?", "What is the mood of this person?",
    ),
    "emotion_class": (
        "What is the coarse expression class?", "Is the expression positive or negative?",
        "Is it a positive, a negative or a surprised face?", "Was that good or bad feeling, roughly?",
    ),
    "emotion_of": (
        "What emotion is the {nth} expression?", "Which feeling does expression {n} hint at?",
        "What is the fine-grained class of expression {n}?",
    ),
    "describe": (
        "Describe the face.", "Please describe what happened.", "Give me a summary.", "Sum up what you found.",
        "What happened in this video?", "Tell me everything.", "Please analyse this face in detail.",
        "Please analyse the micro-expression shown in this video in detail.",
        "Provide a comprehensive analysis of the facial micro-expression shown in this clip.",
        "What are the action units present, and based on them, what is the fine-grained expression and the coarse "
        "expression class?",
    ),
    "moved": (
        "Did {unit} move?", "Is {unit} active?", "Was {unit} there?", "Do you see {unit}?", "Is there any {unit}?",
        "Did {clause}?", "Does {unit} occur?", "Was there {unit}?", "Is {unit} present?", "Have you found {unit}?",
        "Did {clause} at all?", "{unit}?", "Can you see that {unit} moved?", "Was {unit} activated?",
        "Is the action unit {name} shown on the face?",
    ),
    "sure": (
        "How sure are you of {unit}?", "What is the probability of {unit}?", "How likely is {unit}?",
        "How certain is {unit}?", "What are the odds of {unit}?", "Give me the score of {unit}.",
        "How confident are you about {unit}?",
    ),
    "intensity": (
        "How strong was {unit}?", "What is the intensity of {unit}?", "How intense is {unit}?",
        "Which intensity does {unit} have?", "Was {unit} weak or strong?", "How much did {clause}?",
    ),
    "why": (
        "Why {unit}?", "Why do you think {unit} moved?", "What is the evidence for {unit}?", "Explain {unit}.",
        "What makes you say {unit}?", "On what does {unit} rest?", "How do you know that {unit} was there?",
        "Give reasons for {unit}.", "Why was {unit} not found?",
    ),
    "side": (
        "On which side was {unit}?", "Is {unit} left or right?", "Was {unit} one-sided?", "Was {unit} symmetric?",
        "Is the action unit {name} located on the left or right face?", "Which side did {unit} move on?",
        "On what side of the face did {clause}?",
    ),
    "moved_on": (
        "Did {unit} move on the {side}?",
        "Is {unit} active on the {side} side?", "Did {clause} on the {side}?",
        "Was {unit} on the {side} side of the face?", "Is the {side} {unit} active?", "Did the {side} {unit} move?",
    ),
    "when_unit": (
        "When did {unit} move?", "At what time was {unit} active?", "When did {clause}?", "When is {unit} seen?",
        "At which second does {unit} appear?",
    ),
    "region": (
        "Did the {region} move?", "Is there movement in the {region}?", "What about the {region}?",
        "Was there activity around the {region}?", "Anything in the {region}?", "Did anything happen at the {region}?",
    ),
    "region_on": (
        "Did the {side} {region} move?", "Is there movement at the {side} {region}?", "What about the {side} {region}?",
        "Did anything happen at the {side} {region}?",
    ),
    "raised": (
        "Are the brows raised?", "Did the eyebrows go up?", "Is there a raised brow?", "Did they raise their eyebrows?",
        "Were the brows lifted?",
    ),
    "raised_on": (
        "Did the {side} eyebrow go up?", "Was the {side} eyebrow raised?", "Did they lift the {side} brow?",
        "Is there a raised brow on the {side}?",
    ),
    "count": (
        "How many expressions are there?", "How often did the face move?", "How many facial expressions did you find?",
        "Count the expressions.", "What is the number of expressions?", "How many events were found?",
    ),
    "count_micro": (
        "How many micro-expressions are there?", "How many micro expressions did you find?",
        "Count the micro-expressions.", "How many of the expressions are micro?", "What is the number of MEs?",
    ),
    "count_longer": (
        "How many macro-expressions are there?", "How many longer expressions are there?",
        "How many expressions last over half a second?", "Count the macro expressions.", "How many are not micro?",
    ),
    "any": (
        "Did the face move at all?", "Is there any expression?", "Was there an expression?", "Did anything happen?",
        "Is something going on in this face?", "Did you find any micro-expression?",
    ),
    "time": (
        "When is the {nth} one?", "When does expression {n} happen?", "At what time is the {nth} expression?",
        "When does the {nth} expression start?", "What is the onset of expression {n}?",
        "When is the apex of the {nth}?", "When does expression {n} end?", "From when to when is the {nth} expression?",
        "When was the {nth} movement?",
    ),
    "type": (
        "Is the {nth} expression a micro-expression?", "What type is expression {n}?", "What kind is the {nth} one?",
        "Is expression {n} micro or macro?", "Is the {nth} one a micro or a macro expression?",
    ),
    "length": (
        "How long is the {nth} expression?", "How long does expression {n} last?", "What is the duration of the {nth}?",
        "How many seconds does expression {n} take?",
    ),
    "time_first": (
        "When was it?", "When did the face move?", "When did it happen?", "At what time was the expression?",
        "When is the apex?", "What is the onset?", "When did the movement begin?", "From when to when was it?",
    ),
    "time_last": ("When is the last one?", "When was the last expression?", "At what time is the last movement?"),
    "type_first": (
        "Was it a micro-expression?", "Is it micro or macro?", "Is this a micro-expression?", "What type is it?",
    ),
    "length_first": ("How long did it last?", "How long is the expression?", "What is its duration?"),
    "pair": (
        "Did {unit} and {other} move together?", "Are {unit} and {other} both active?", "Is there {unit} or {other}?",
        "Did {unit} come with {other}?", "Was it {unit} plus {other}?",
    ),
    "recording": (
        "Is the recording good enough?", "Can this video show micro-expressions?", "Is the quality all right?",
        "Is the video too compressed?", "Can I trust this recording?", "What is wrong with the video?",
    ),
}  # fmt: skip

TRIED: dict[str, tuple[str, ...]] = {
    "units": ("What do you see the face doing?", "Tell me the AUs.", "Which parts of FACS apply here?"),
    "units_of": ("Tell me the AUs of the {nth} expression.", "In expression {n}, which muscles were at work?"),
    "number": ("How many units have you found?", "So how many muscles were involved?"),
    "strongest": ("What moved most clearly?", "Which single unit would you name?"),
    "where": ("Where on the face did you see something?", "What regions were involved?"),
    "emotion": ("What might this person be feeling?", "Does this look like joy?"),
    "emotion_class": ("Would you call it positive or negative?",),
    "emotion_of": ("Which emotion would the {nth} expression be?",),
    "describe": ("Could you describe this clip?", "What did you observe overall?"),
    "moved": ("Could you tell whether {unit} moved?", "Was there a trace of {unit}?", "I wonder, did {clause}?"),
    "sure": ("How much do you believe in {unit}?", "What probability do you give {unit}?"),
    "intensity": ("How strongly did {unit} move?", "What is the strength of {unit}?"),
    "why": ("What speaks for {unit}?", "For what reason do you report {unit}?"),
    "side": ("Did {unit} move left, right, or both?", "{unit}: which side?"),
    "moved_on": ("Could you see {unit} on the {side}?", "On the {side}, did {clause}?"),
    "when_unit": ("At what moment did {unit} occur?", "Tell me the time of {unit}."),
    "region": ("Have you seen the {region} move?", "How about the {region}?"),
    "region_on": ("Have you seen the {side} {region} move?",),
    "raised": ("Did the eyebrows rise?", "Have the brows been raised?"),
    "raised_on": ("Is the {side} brow raised?", "Did the {side} eyebrow rise?"),
    "count": ("What is the total of expressions?", "How many times did an expression show?"),
    "count_micro": ("How many of them were micro-expressions?", "Tell me the number of micro-expressions."),
    "count_longer": ("How many long expressions did you see?",),
    "any": ("Was there anything at all?", "Have you found an expression?"),
    "time": ("Tell me when the {nth} expression was.", "At which seconds did expression {n} occur?"),
    "type": ("Would you call the {nth} expression micro?", "Of what kind is expression {n}?"),
    "length": ("For how long did the {nth} expression last?",),
    "time_first": ("Tell me when it was.", "At which second did they do that?"),
    "time_last": ("When did the last expression occur?",),
    "type_first": ("Would you call it micro?", "Does it count as a micro-expression?"),
    "length_first": ("For how long did it go on?",),
    "pair": ("Have {unit} and {other} been active at once?",),
    "recording": ("Is this footage usable?", "Does the recording hide small movements?"),
}

POLITE = (
    "{}",
    "{}",
    "{}",
    "{}",
    "Please tell me: {}",
    "Hi! {}",
    "Can you tell me, {}",
    "{} Thanks.",
    "I want to know: {}",
)
