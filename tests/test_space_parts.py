"""Parts of the Space that need neither model nor page."""

import numpy as np
import pytest
from aullm_space import limits
from aullm_space.facs import ACTION_UNITS, EMOTIONS, emotion_hints
from aullm_space.video import frames_between, iter_frames
from helpers_video import face_video, frame_number, numbered_video, turn_video, write_video

from modeling_aullm import facs


def test_names_and_sites_are_those_of_the_model():
    assert list(ACTION_UNITS) == list(facs.ACTION_UNITS)
    for code, unit in ACTION_UNITS.items():
        theirs = facs.ACTION_UNITS[code]
        assert unit.name == theirs.name and np.allclose(unit.sites, theirs.sites)


def test_an_emotion_is_hinted_at_when_all_its_units_are_active():
    assert emotion_hints({"AU6", "AU12", "AU1"}) == ["happiness"]
    assert emotion_hints({"AU6"}) == []
    assert emotion_hints({"AU1", "AU2", "AU5"}) == ["surprise"]
    assert emotion_hints({"AU1", "AU2", "AU4", "AU5"}) == ["fear"]  # not surprise as well, which is part of it
    assert all(units <= ACTION_UNITS.keys() for units in EMOTIONS.values())


def test_frames_are_found_by_time(tmp_path):
    path = write_video(tmp_path / "clip.mp4", numbered_video(20))
    assert [frame_number(image) for image in frames_between(path, 7 / 30, 11 / 30)] == [7, 8, 9, 10, 11]
    assert len(list(iter_frames(path))) == 20


def test_a_video_within_the_limits_passes(tmp_path):
    limits.check_video(write_video(tmp_path / "clip.mp4", numbered_video(4)))


@pytest.mark.parametrize(
    "limit, value, message",
    [
        ("MAX_MEGABYTES", 0.0001, r"has 0.0 MB; at most 0.0001 MB are allowed. Cut it"),
        ("MAX_SIDE", 60, "has 64x48 pixels; at most 60 a side are allowed. Record or export it"),
        ("MAX_SECONDS", 0.1, r"lasts 0.6 s \(20 frames\); at most 0.1 s"),
        ("MAX_FRAMES", 19, "at most 60 s and 19 frames are allowed. Cut it"),
    ],
)
def test_a_video_beyond_the_limits_is_told_what_is_allowed(tmp_path, monkeypatch, limit, value, message):
    path = write_video(tmp_path / "clip.mp4", numbered_video(20))
    monkeypatch.setattr(limits, limit, value)
    with pytest.raises(limits.UnusableVideo, match=message):
        limits.check_video(path)


def test_a_playlist_that_names_other_files_is_not_opened(tmp_path):
    write_video(tmp_path / "secret.mp4", numbered_video(4))
    for name, text in (
        ("a.mp4", "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nsecret.mp4\n#EXT-X-ENDLIST\n"),
        ("b.mp4", "ffconcat version 1.0\nfile secret.mp4\n"),
    ):
        (tmp_path / name).write_text(text)
        with pytest.raises(limits.UnusableVideo, match="is no video that can be read here"):
            limits.check_video(tmp_path / name)


def test_a_mirrored_video_is_told_on_the_page_and_in_its_json(tmp_path):
    from aullm_space.analysis import analyse
    from aullm_space.messages import found
    from aullm_space.moments import Request
    from aullm_space.record import to_records

    path = write_video(tmp_path / "selfie.mp4", face_video(8))
    for matrix, is_mirrored in (((1, 0, 0, 1), False), ((-1, 0, 0, 1), True)):
        turn_video(path, matrix)
        analyses = analyse(Request(path))
        assert ("shown mirrored" in found(analyses[0], 1)) == is_mirrored
        assert to_records(analyses)[0]["recording"].get("is_mirrored", False) == is_mirrored


def test_a_deleted_upload_is_told(tmp_path):
    with pytest.raises(limits.UnusableVideo, match="has been deleted"):
        limits.check_video(tmp_path / "gone.mp4")
