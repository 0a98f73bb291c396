"""Every kind of source becomes the same list of inputs."""

import io
import json
import tarfile

import pytest

from follow_your_click.data.engine.decode import read_bytes
from follow_your_click.data.engine.sources import list_source
from follow_your_click.errors import SettingsError


def test_a_folder_with_captions_beside_its_videos(videos):
    items = list_source(str(videos))
    assert [item.key for item in items] == sorted(path.name for path in videos.glob("*.mp4"))
    captions = {item.key: item.caption for item in items}
    assert captions["disc-2.mp4"] == "A boat drifts to the left (2)."
    assert captions["still.mp4"] is None


@pytest.mark.parametrize(
    ("table", "key", "caption", "stretch"),
    [
        ("videoid,contentUrl,duration,page_dir,name\n7,http://x/7.mp4,PT5S,a_b,A cat runs", "a_b/7.mp4", "A cat runs", (None, None)),
        ("video,caption,aesthetic score,fps\nv.mp4,\"A cat, running\",5.1,24", "v.mp4", "A cat, running", (None, None)),
        ("path,text\nsub/w.mp4,Rain falls", "sub/w.mp4", "Rain falls", (None, None)),
        ("file,caption,start,end\nw.mp4,Rain falls,1.5,4", "w.mp4@1.5-4", "Rain falls", (1.5, 4)),
    ],
)  # fmt: skip
def test_the_layouts_of_tables(tmp_path, table, key, caption, stretch):
    (tmp_path / "table.csv").write_text(table, encoding="utf-8")
    (item,) = list_source(str(tmp_path / "table.csv"))
    assert (item.key, item.caption, (item.start, item.end)) == (key, caption, stretch)
    assert item.path == str(tmp_path / key.partition("@")[0])


def test_pandas_lists_become_stretches(tmp_path):
    (tmp_path / "panda.csv").write_text(
        "videoID,url,timestamp,caption,matching_score\n"
        "abc,http://x,\"[['0:00:01.500', '0:00:04.000'], ['0:01:00', '0:01:02']]\","
        "\"['A dog runs.', 'It\\'s raining.']\",\"[0.4, 0.5]\"\n",
        encoding="utf-8",
    )
    first, second = list_source(str(tmp_path / "panda.csv"), root=tmp_path)
    assert (first.start, first.end, first.caption) == (1.5, 4.0, "A dog runs.")
    assert (second.start, second.end, second.caption) == (60, 62, "It's raining.")
    assert first.name == second.name == "abc.mp4"


def test_parquet_with_prompts_and_licences(tmp_path):
    import pyarrow
    from pyarrow import parquet

    columns = {
        "video": ["a.mp4", "a.mp4"],
        "caption": ["A boat drifts.", None],
        "motion_prompt": [["drift left", "rock"], []],
        "license": ["CC0", "MIT"],
    }
    parquet.write_table(pyarrow.table(columns), tmp_path / "table.parquet")
    first, second = list_source(str(tmp_path / "table.parquet"))
    assert first.motion_prompts == ("drift left", "rock")
    assert (second.caption, second.licence) == (None, "MIT")
    assert [first.key, second.key] == ["a.mp4", "a.mp4#2"]


def test_captions_from_a_table_for_a_folder(videos, tmp_path):
    table = tmp_path / "captions.csv"
    table.write_text("file,caption,motion_prompt,object\ndisc-0.mp4,New.,slide|roll,disc\n")
    items = {item.key: item for item in list_source(str(videos), captions=table)}
    found = items["disc-0.mp4"]
    assert (found.caption, found.motion_prompts) == ("New.", ("slide", "roll"))
    assert found.objects == ("disc",)
    assert items["disc-1.mp4"].caption == "A boat drifts to the left (1)."


def test_webdataset_shards_are_read_in_place(videos, tmp_path):
    video = (videos / "disc-0.mp4").read_bytes()
    with tarfile.open(tmp_path / "shard-0.tar", "w") as archive:
        members = {
            "k1.mp4": video,
            "k1.txt": b"A disc slides.",
            "k2.mp4": video,
            "k2.json": json.dumps({"caption": "Another.", "license": "CC0"}).encode(),
            "k3.jpg": b"no video",
        }
        for name, content in members.items():
            facts = tarfile.TarInfo(name)
            facts.size = len(content)
            archive.addfile(facts, io.BytesIO(content))
    (tmp_path / "shard-1.tar").write_bytes((tmp_path / "shard-0.tar").read_bytes()[:700])
    items = list_source(str(tmp_path))
    first, second, *broken = items
    assert (first.key, first.caption) == ("shard-0.tar/k1", "A disc slides.")
    assert (second.caption, second.licence) == ("Another.", "CC0")
    assert read_bytes(first) == read_bytes(second) == video
    assert any(item.problem for item in broken)


def test_a_saved_data_set(videos, tmp_path):
    datasets = pytest.importorskip("datasets")
    content = [(videos / f"disc-{n}.mp4").read_bytes() for n in range(2)]
    table = datasets.Dataset.from_dict({"video": content, "caption": ["One.", "Two."]})
    table.save_to_disk(tmp_path / "saved")
    items = list_source(str(tmp_path / "saved"))
    assert [(item.row, item.caption) for item in items] == [(0, "One."), (1, "Two.")]
    assert read_bytes(items[1]) == content[1]


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("none.csv", None, "does not exist"),
        ("table.csv", "a,b\n1,2\n", "has the columns a, b; expected one of"),
        ("table.csv", "file,caption\n", "holds no video"),
        ("table.parquet", "no parquet", "cannot be read as Parquet"),
    ],
)
def test_what_is_no_source_is_refused(tmp_path, name, content, expected):
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(SettingsError, match=expected) as caught:
        list_source(str(tmp_path / name))
    assert "\n" not in str(caught.value)
