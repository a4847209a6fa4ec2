"""The Space: a video in, its action units out, and why. The model is used through transformers' Auto classes alone.

`MODEL_ID` and `MODEL_REVISION` in the environment say which model; by default it is the shipped checkpoint.
"""

from aullm_space import detector  # first: on ZeroGPU nothing may load torch before it
from aullm_space.examples import FOLDER
from aullm_space.limits import MAX_MEGABYTES, VISITORS_WAITING
from aullm_space.page import CSS, THEME, build

page = build().queue(max_size=VISITORS_WAITING)

if __name__ == "__main__":
    detector.warm_up()
    page.launch(
        theme=THEME,
        css=CSS,
        max_file_size=f"{MAX_MEGABYTES}mb",
        allowed_paths=[str(FOLDER)],
        footer_links=["api"],
        ssr_mode=False,
    )
