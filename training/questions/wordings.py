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
        "What do you see the face doing?", "Tell me the AUs.", "Which parts of FACS apply here?",
    ),
    "units_of": (
        "Which muscles moved in the {nth} expression?", "What are the action units of expression {n}?",
        "Which AUs are in the {nth} one?", "What moved in expression {n}?", "Which units make up the {nth} expression?",
        "Name the action units of the {nth} micro-expression.", "Tell me the AUs of the {nth} expression.",
        "In expression {n}, which muscles were at work?",
    ),
    "number": (
        "How many action units are active?", "How many muscles moved?", "How many AUs do you see?",
        "What is the number of active units?", "Count the action units.", "How many units have you found?",
        "So how many muscles were involved?",
    ),
    "strongest": (
        "What is the action unit?", "Which unit is the clearest?", "What is the main movement?",
        "Which action unit are you most sure of?", "Which movement stands out?", "What is the most probable unit?",
        "What moved most clearly?", "Which single unit would you name?",
    ),
    "where": (
        "Where did the face move?", "Which regions of the face moved?", "In what part of the face was the movement?",
        "Where is the movement?", "Which areas show activity?", "Where on the face did you see something?",
        "What regions were involved?",
    ),
    "emotion": (
        "What emotion is it?", "What is the fine-grained expression class?", "Which emotion does the face show?",
        "Are they happy?", "Is she angry?", "Is this person sad?", "What do they feel?", "Which feeling is that?",
        "Is he surprised?", "Does the face show fear?", "Is this disgust?", "What is the mood of this person?",
        "What might this person be feeling?", "Does this look like joy?",
    ),
    "emotion_class": (
        "What is the coarse expression class?", "Is the expression positive or negative?",
        "Is it a positive, a negative or a surprised face?", "Was that good or bad feeling, roughly?",
        "Would you call it positive or negative?",
    ),
    "emotion_of": (
        "What emotion is the {nth} expression?", "Which feeling does expression {n} hint at?",
        "What is the fine-grained class of expression {n}?", "Which emotion would the {nth} expression be?",
    ),
    "describe": (
        "Describe the face.", "Please describe what happened.", "Give me a summary.", "Sum up what you found.",
        "What happened in this video?", "Tell me everything.", "Please analyse this face in detail.",
        "Please analyse the micro-expression shown in this video in detail.",
        "Provide a comprehensive analysis of the facial micro-expression shown in this clip.",
        "What are the action units present, and based on them, what is the fine-grained expression and the coarse "
        "expression class?",
        "Could you describe this clip?", "What did you observe overall?",
    ),
    "moved": (
        "Did {unit} move?", "Is {unit} active?", "Was {unit} there?", "Do you see {unit}?", "Is there any {unit}?",
        "Did {clause}?", "Does {unit} occur?", "Was there {unit}?", "Is {unit} present?", "Have you found {unit}?",
        "Did {clause} at all?", "{unit}?", "Can you see that {unit} moved?", "Was {unit} activated?",
        "Is the action unit {name} shown on the face?", "Could you tell whether {unit} moved?",
        "Was there a trace of {unit}?", "I wonder, did {clause}?", "Any {unit}?", "Was there any {unit}?",
        "Could there be {unit}?", "Is {unit} seen?", "Look for {unit}.", "Did the face show {unit}?",
        "Do you find {unit} here?", "Has {unit} occurred?",
    ),
    "sure": (
        "How sure are you of {unit}?", "What is the probability of {unit}?", "How likely is {unit}?",
        "How certain is {unit}?", "What are the odds of {unit}?", "Give me the score of {unit}.",
        "How confident are you about {unit}?", "How much do you believe in {unit}?",
        "What probability do you give {unit}?",
    ),
    "intensity": (
        "How strong was {unit}?", "What is the intensity of {unit}?", "How intense is {unit}?",
        "Which intensity does {unit} have?", "Was {unit} weak or strong?", "How much did {clause}?",
        "How strongly did {unit} move?", "What is the strength of {unit}?",
    ),
    "why": (
        "Why {unit}?", "Why do you think {unit} moved?", "What is the evidence for {unit}?", "Explain {unit}.",
        "What makes you say {unit}?", "On what does {unit} rest?", "How do you know that {unit} was there?",
        "Give reasons for {unit}.", "Why was {unit} not found?", "What speaks for {unit}?",
        "For what reason do you report {unit}?",
    ),
    "side": (
        "On which side was {unit}?", "Is {unit} left or right?", "Was {unit} one-sided?", "Was {unit} symmetric?",
        "Is the action unit {name} located on the left or right face?", "Which side did {unit} move on?",
        "On what side of the face did {clause}?", "Did {unit} move left, right, or both?", "{unit}: which side?",
    ),
    "moved_on": (
        "Did {unit} move on the {side}?", "Is {unit} active on the {side} side?", "Did {clause} on the {side}?",
        "Was {unit} on the {side} side of the face?", "Is the {side} {unit} active?", "Did the {side} {unit} move?",
        "Could you see {unit} on the {side}?", "On the {side}, did {clause}?",
    ),
    "when_unit": (
        "When did {unit} move?", "At what time was {unit} active?", "When did {clause}?", "When is {unit} seen?",
        "At which second does {unit} appear?", "At what moment did {unit} occur?", "Tell me the time of {unit}.",
    ),
    "region": (
        "Did the {region} move?", "Is there movement in the {region}?", "What about the {region}?",
        "Was there activity around the {region}?", "Anything in the {region}?", "Did anything happen at the {region}?",
        "Have you seen the {region} move?", "How about the {region}?",
    ),
    "region_on": (
        "Did the {side} {region} move?", "Is there movement at the {side} {region}?", "What about the {side} {region}?",
        "Did anything happen at the {side} {region}?", "Have you seen the {side} {region} move?",
    ),
    "raised": (
        "Are the brows raised?", "Did the eyebrows go up?", "Is there a raised brow?", "Did they raise their eyebrows?",
        "Were the brows lifted?", "Did the eyebrows rise?", "Have the brows been raised?",
    ),
    "raised_on": (
        "Did the {side} eyebrow go up?", "Was the {side} eyebrow raised?", "Did they lift the {side} brow?",
        "Is there a raised brow on the {side}?", "Is the {side} brow raised?", "Did the {side} eyebrow rise?",
    ),
    "count": (
        "How many expressions are there?", "How often did the face move?", "How many facial expressions did you find?",
        "Count the expressions.", "What is the number of expressions?", "How many events were found?",
        "What is the total of expressions?", "How many times did an expression show?",
    ),
    "count_micro": (
        "How many micro-expressions are there?", "How many micro expressions did you find?",
        "Count the micro-expressions.", "How many of the expressions are micro?", "What is the number of MEs?",
        "How many of them were micro-expressions?", "Tell me the number of micro-expressions.",
    ),
    "count_longer": (
        "How many macro-expressions are there?", "How many longer expressions are there?",
        "How many expressions last over half a second?", "Count the macro expressions.", "How many are not micro?",
        "How many long expressions did you see?",
    ),
    "any": (
        "Did the face move at all?", "Is there any expression?", "Was there an expression?", "Did anything happen?",
        "Is something going on in this face?", "Did you find any micro-expression?", "Was there anything at all?",
        "Have you found an expression?",
    ),
    "time": (
        "When is the {nth} one?", "When does expression {n} happen?", "At what time is the {nth} expression?",
        "When does the {nth} expression start?", "What is the onset of expression {n}?",
        "When is the apex of the {nth}?", "When does expression {n} end?", "From when to when is the {nth} expression?",
        "When was the {nth} movement?", "Tell me when the {nth} expression was.",
        "At which seconds did expression {n} occur?",
    ),
    "type": (
        "Is the {nth} expression a micro-expression?", "What type is expression {n}?", "What kind is the {nth} one?",
        "Is expression {n} micro or macro?", "Is the {nth} one a micro or a macro expression?",
        "Would you call the {nth} expression micro?", "Of what kind is expression {n}?",
    ),
    "length": (
        "How long is the {nth} expression?", "How long does expression {n} last?", "What is the duration of the {nth}?",
        "How many seconds does expression {n} take?", "For how long did the {nth} expression last?",
    ),
    "time_first": (
        "When was it?", "When did the face move?", "When did it happen?", "At what time was the expression?",
        "When is the apex?", "What is the onset?", "When did the movement begin?", "From when to when was it?",
        "Tell me when it was.", "At which second did they do that?",
    ),
    "time_last": (
        "When is the last one?", "When was the last expression?", "At what time is the last movement?",
        "When did the last expression occur?", "When does the last expression start?", "Where is the last one?",
        "What is the onset of the last expression?",
    ),
    "type_first": (
        "Was it a micro-expression?", "Is it micro or macro?", "Is this a micro-expression?", "What type is it?",
        "Would you call it micro?", "Does it count as a micro-expression?",
    ),
    "length_first": (
        "How long did it last?", "How long is the expression?", "What is its duration?", "For how long did it go on?",
    ),
    "pair": (
        "Did {unit} and {other} move together?", "Are {unit} and {other} both active?", "Is there {unit} or {other}?",
        "Did {unit} come with {other}?", "Was it {unit} plus {other}?", "Have {unit} and {other} been active at once?",
    ),
    "recording": (
        "Is the recording good enough?", "Can this video show micro-expressions?", "Is the quality all right?",
        "Is the video too compressed?", "Can I trust this recording?", "What is wrong with the video?",
        "Is this footage usable?", "Does the recording hide small movements?",
    ),
    "still": (
        "Did the face stay still?", "Was the face at rest?", "Is the face neutral?", "Did nothing move?",
        "Was there no expression?", "Is it a neutral face?", "Was the face motionless?", "Nothing happened?",
        "So there was no movement?", "Did the face not move at all?", "Is there no expression in it?",
    ),
    "rested": (
        "Did {unit} not move?", "Was {unit} not active?", "Was there no {unit}?", "Is {unit} absent?",
        "Did {unit} stay at rest?", "{unit} was not there, was it?", "Is {unit} inactive?", "So {unit} did not occur?",
        "Could you rule out {unit}?", "Is it right that there was no {unit}?", "Was {unit} missing?",
    ),
    "type_last": (
        "Is the last one a micro-expression?", "What type is the last expression?", "Was the last expression micro?",
        "Is the last movement micro or macro?", "Of which kind is the last?",
    ),
    "length_last": (
        "How long is the last one?", "How long did the last expression last?", "What is the duration of the last one?",
        "How many seconds does the last expression take?", "For how long was the last movement?",
    ),
    "units_last": (
        "What moved in the last expression?", "Which muscles moved last?", "Which AUs are in the last one?",
        "What are the action units of the last expression?", "Name the units of the last micro-expression.",
    ),
}  # fmt: skip

TRIED: dict[str, tuple[str, ...]] = {
    "units": (
        "Which AUs did you pick up in this clip?", "What facial muscles were at work here?",
        "Could you list the action units you detected, please?", "FACS code for this face?",
    ),
    "units_of": (
        "Which action units make up the {nth} expression?", "Give me the AU code of expression number {n}.",
        "During the {nth} expression, which muscles were involved?",
    ),
    "number": (
        "How many different action units were active?", "Total number of AUs found?",
        "I'd like to know how many units fired in all.", "Just give me a count of the active units.",
    ),
    "strongest": (
        "Which unit stands out the most?", "What's the most pronounced action unit?",
        "If you had to name just one AU, which would it be?", "Which muscle movement was clearest of all?",
    ),
    "where": (
        "Whereabouts on the face did things move?", "Which areas of the face show any motion?",
        "What parts of this face were active?", "Was the movement in the upper face, the lower face or both?",
    ),
    "emotion": (
        "What might this person be feeling, judging from the face?", "Could it be anger?",
        "Which emotion would these movements fit best?", "Does that look like disgust to you?",
    ),
    "emotion_class": (
        "Is this expression positive, negative or surprise?", "Which of the three emotion classes would you put it in?",
    ),
    "emotion_of": (
        "What feeling does the {nth} expression suggest?", "Expression {n}: which emotion could it point to?",
    ),
    "describe": (
        "Walk me through everything you saw in the video.", "Can you give me a short summary of the findings?",
        "So what happened on this face, all in all?", "Write up your full result in plain words, please.",
    ),
    "moved": (
        "Any trace of {unit} in there?", "Did {clause} at any point?", "I'm wondering whether {unit} shows up.",
        "Would you score {unit} as present or absent?", "Is it true that {unit} was active?",
        "Could you check for {unit}, please?", "Tell me, did {clause} or not?",
        "Have you spotted {unit} anywhere in this clip?",
    ),
    "sure": ("Could you be mistaken about {unit}?", "On a scale from 0 to 100 percent, how certain is {unit}?"),
    "intensity": (
        "Which intensity level, A to E, would you give {unit}?", "Was {unit} just a trace or something more marked?",
        "How intense did {unit} get?",
    ),
    "why": (
        "What makes you say that about {unit}?", "On what grounds did you decide on {unit}?",
        "Show me the evidence behind {unit}.", "How did you come to your verdict on {unit}?",
    ),
    "side": (
        "On which side of the face was {unit}?", "Was {unit} unilateral or bilateral?",
        "Is {unit} left, right or both?", "Did {unit} show on one half of the face only, and if so which?",
    ),
    "moved_on": (
        "Is there any {side}-sided activity for {unit}?", "Do you see {unit} on the {side} half of the face?",
        "Was {unit} there on the {side} too?",
    ),
    "when_unit": (
        "When does {unit} appear?", "At what point in the clip was {unit} visible?",
        "From which frame to which frame did {unit} last?", "Give me the timestamp of {unit}, please.",
    ),
    "region": (
        "Did anything happen around the {region}?", "Was there motion in the {region}?",
        "Any activity at the {region}?", "Has the {region} moved at all?",
    ),
    "region_on": (
        "Did the {side} {region} do anything?", "Was there some twitch of the {side} {region}?",
        "Could you see the {side} {region} move?", "Anything going on at the {side} {region}?",
    ),
    "raised": ("Did this person's eyebrows go up?", "Were both brows lifted at some stage?"),
    "raised_on": ("Was the {side} brow lifted at all?",),
    "count": (
        "How many expressions are there in this recording altogether?",
        "Count all the expressions for me, short and long.", "What's the total number of facial expressions you found?",
        "How often did this face show an expression?",
    ),
    "count_micro": (
        "How many micro-expressions did you catch?", "Number of micro-expressions, please.",
        "How many of those very brief ones, the micros, were there?", "How often did a micro-expression flash up?",
    ),
    "count_longer": (
        "How many macro-expressions did you find?", "How many of the expressions were too long to be micro?",
    ),
    "any": (
        "Was there any expression whatsoever?", "Is there an expression to be found in this footage?",
        "Anything on this face at all, or was it blank the whole time?",
    ),
    "time": (
        "When did the {nth} expression take place?", "At how many seconds does expression {n} start?",
        "Where in the recording can I find expression {n}?", "Give me onset and offset of the {nth} expression.",
    ),
    "type": (
        "Is expression {n} a micro or a macro?", "Does the {nth} expression count as a micro-expression?",
        "What type is expression number {n}?", "Would you class the {nth} one as micro or macro?",
    ),
    "length": (
        "How long did the {nth} expression last?", "What's the duration of expression {n}?",
        "For how many milliseconds was expression {n} on the face?",
        "How much time did the {nth} expression take from start to end?",
    ),
    "time_first": (
        "When did the expression occur?", "At what moment in the video did it happen?",
        "Where on the timeline is the expression?", "When did the expression begin and end?",
    ),
    "time_last": ("At which second did the final expression show up?",),
    "type_first": ("Was that a micro-expression?", "Is the expression micro or macro?"),
    "length_first": ("How long did the expression last?", "What was its duration?"),
    "pair": ("Did {unit} come along with {other}?", "Were {unit} and {other} both present at the same time?"),
    "recording": (
        "Is the footage good enough for you to judge?", "What about the video quality limits your answer?",
        "Was the frame rate or the lighting a problem?", "How usable is this clip for coding?",
    ),
    "still": (
        "Did the face stay neutral all the way through?", "Has the face been quiet all along?",
        "Is this face free of any expression?",
    ),
    "rested": ("Would you say that {unit} is absent?", "Am I right that {unit} did not happen?"),
    "type_last": (
        "Was the last expression micro or macro?",
        "What kind of expression was the final one, a micro or a longer one?",
    ),
    "length_last": ("How long was the final expression?", "Duration of the last expression, please?"),
    "units_last": ("Which AUs were in the last expression?", "What muscles moved in the final expression?"),
}  # fmt: skip

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
