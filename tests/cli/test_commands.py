"""The command line as a user meets it: what it prints, writes and refuses.

In-process, through the real entry point.
"""

import json

import pytest

from feature_collapse.cli.app import COMMANDS

TINY = [
    "--n-w",
    "12",
    "--K",
    "6",
    "--L",
    "3",
    "--d",
    "4",
    "--epochs",
    "2",
    "--batch-size",
    "10",
    "--device",
    "cpu",
]


@pytest.fixture
def call(command_line):
    return command_line


def test_version_and_help_answer(call):
    assert call("--version")[1].startswith("feature-collapse ")
    code, out, _ = call("--help")
    assert code == 0
    assert "reproduce" in out


@pytest.mark.parametrize("command", [*COMMANDS, "sweep"])
def test_every_command_explains_itself(call, command):
    code, out, _ = call(command, "--help")
    assert code == 0
    assert "Usage" in out


def test_task_prints_words_of_the_shipped_vocabulary(call):
    code, out, _ = call("task", "--json")
    told = json.loads(out)
    assert code == 0
    assert told["n_w"] == 69
    assert len(told["sentences"][0][0].split()) == 5
    assert "potato" in call("task")[1]


def test_train_writes_a_record_and_figure_draws_it_again(call, tmp_path):
    code, out, _ = call("train", *TINY, "--out", "r", "--json")
    assert code == 0
    assert json.loads(out)["test_accuracy"] >= 0
    (tmp_path / "r" / "figure.png").unlink()
    assert call("figure", "r")[0] == 0
    assert (tmp_path / "r" / "figure.png").stat().st_size > 10_000
    assert call("figure", "r", "--out", "pictures")[0] == 0
    assert (tmp_path / "pictures" / "word-frequencies.pdf").read_bytes()[:5] == b"%PDF-"


def test_options_override_the_settings_file(call, tmp_path):
    (tmp_path / "s.toml").write_text('K = 4\nL = 3\nlambda = 0.01\nword_law = "zipf"\n')
    told = json.loads(call("task", "--settings", "s.toml", "--K", "5", "--n-w", "12", "--json")[1])
    assert told["K"] == 5
    assert told["mu"][0] > told["mu"][1]


def test_path_follows_the_minimiser_from_zero_to_more_directions(call, tmp_path):
    shape = ["--n-w", "12", "--K", "6", "--L", "3", "--d", "4", "--count", "4", "--lambda", "0.01", "--json"]
    code, out, err = call("path", *shape, "--out", "p")
    told = json.loads(out)
    rank = [row[4] for row in told["rows"]]
    assert code == 0
    assert rank[0] == 0 < rank[-1]
    assert all(row[2] <= row[1] for row in told["rows"])
    assert told["rows"][0][0] > told["lambda_max"]
    assert len((tmp_path / "p" / "path.csv").read_text().splitlines()) == 5
    assert (tmp_path / "p" / "figure7.pdf").exists()
    assert "4 of 4" in err


def test_frequencies_come_from_the_command_line_or_a_file(call, tmp_path):
    (tmp_path / "f.txt").write_text("3\n1\n")
    shape = ["task", "--n-w", "6", "--L", "2", "--K", "4", "--word-law", "given", "--json"]
    assert json.loads(call(*shape, "--frequencies", "3,1")[1])["mu"] == [0.75, 0.25]
    assert json.loads(call(*shape, "--frequencies", "@f.txt")[1])["mu"] == [0.75, 0.25]


WRONG = [
    (["train", "--n-w", "10"], "n_w = 10, but must be a multiple of n_c = 3"),
    (["train", "--n-c", "1"], "n_c = 1, but must be an integer ≥ 2"),
    (["train", "--L", "0"], "L = 0, but must be an integer from 1 to 2147483647"),
    (["train", "--K", "0"], "K = 0"),
    (["train", "--n-spl", "0"], "n_spl = 0"),
    (["train", "--d", "0"], "d = 0"),
    (["train", "--batch-size", "0"], "batch_size = 0"),
    (["train", "--design", "distinct", "--L", "2"], "K = 1000 distinct latents, but there are only"),
    (["train", "--design", "parity", "--n-c", "4"], "n_c = 4, but must be prime"),
    (["train", "--word-law", "given", "--frequencies", "1,0", "--n-w", "6"], "frequencies[1] = 0"),
    (["train", "--word-law", "given", "--frequencies", "1,-1", "--n-w", "6"], "frequencies[1] = -1"),
    (["train", "--word-law", "given", "--frequencies", "1,nan", "--n-w", "6"], "frequencies[1] = nan"),
    (
        ["train", "--word-law", "given", "--frequencies", "1,1", "--n-w", "9"],
        "length 2, but must have length",
    ),
    (["train", "--frequencies", "one"], "must be numbers separated by commas"),
    (["train", "--frequencies", "@none"], "a file of them (the file of frequencies none does not exist)"),
    (["train", "--lambda", "-1"], "lambda = -1, but must be a number ≥ 0"),
    (["train", "--lambda", "nan"], "lambda = nan"),
    (["train", "--learning-rate", "0"], "learning_rate = 0, but must be a number > 0"),
    (["train", "--seed", "-1"], "seed = -1"),
    (["train", "--vocabulary", "none.csv"], "cannot be read"),
    (["train", "--settings", "none.toml"], "cannot be read"),
    (["train", "--settings", "bad.toml"], "unknown key 'lamda' (did you mean 'lambda'?)"),
    (["train", "--settings", "type.toml"], "K = 'ten', but must be an integer"),
    (["train", "--device", "cuda:99"], "CUDA devices"),
    (["train", "--device", "abacus"], "device = 'abacus', but must be auto, cpu, cuda"),
    (["train", "--device", "mps"], "device = 'mps', but must be auto, cpu, cuda"),
    (["train", "--out", "busy"], "holds other things"),
    (["train", "--out", "bad.toml"], "is a file"),
    (["train", "--out", "bad.toml/x"], "'bad.toml' is a file"),
    (["figure", "none"], "is not a folder"),
    (["path", "--count", "1"], "count = 1"),
    (["path", "--lambda", "9", "--n-w", "12", "--K", "6", "--L", "3"], "the path begins at lambda_max"),
    (["path", "--lambda", "0"], "lambda = 0, but must be > 0"),
    (["solve", "--lambda", "0"], "lambda = 0, but must be > 0"),
    (["solve", "--eps", "1e-5", "--normaliser", "layernorm"], "eps = 1e-05, but must be 0"),
    (["certify", "none"], "is not a folder"),
    (["figure", "busy"], "has no config.json"),
    (["task", "--sentences", "0"], "sentences = 0"),
    (["train", "--n-w", "nan"], "n_w = 'nan', but must be an integer"),
    (["theory", "--n-w=1e3"], "n_w = '1e3', but must be an integer"),
    (["solve", "--lambda", "x"], "lambda = 'x', but must be a number"),
    (["theory", "--vocabulary", "food", "--n-w", "30"], "n_w = 30, but vocabulary = 'food' has 69"),
    (["train", "--vocabulary", "food", "--n-w", "30"], "n_w = 30, but vocabulary = 'food' has 69"),
    (["theory", "--d", "3000000000"], "d = 3000000000, but must be an integer from 1 to 2147483647"),
    (["theory", "--no-exact", "--d", "3000000000"], "d = 3000000000, but must be an integer from 1 to"),
    (["train", "--lambda", "1e31"], "lambda = 1e+31, but must be a number ≥ 0 and ≤ 1e+30"),
    (["theory", "--lambda", "1e31"], "lambda = 1e+31, but must be a number > 0 and ≤ 1e+30"),
    (["train", "--loss", "mse"], "loss = 'mse', but must be cross-entropy"),
    (["sweep", "run", "empty.toml"], "names no runs, but must have a table [base] or [axes]"),
    (["sweep", "plot", "figure8", "--data", "none.sweep", "--out", "pp"], "does not exist"),
    (["sweep", "plot", "figure8", "--data", "none.csv", "--out", "pp"], "none.csv"),
    (["sweep", "plot", "figure8", "--data", "table.csv", "--out", "pp"], "table.csv"),
    (["task", "--vocabulary", "repeated.csv"], "occurs twice"),
    (["reproduce", "figure5x"], "figure 'figure5x' is not one of"),
    (["reproduce", "--method", "adam"], "method = 'adam'"),
    (["reproduce", "--seed", "-3"], "seed = -3"),
    (["reproduce", "--out", "bad.toml"], "is a file"),
    (["reproduce", "--device", "tpu0"], "device = 'tpu0'"),
]


@pytest.mark.parametrize(("arguments", "told"), WRONG, ids=[" ".join(a) for a, _ in WRONG])
def test_a_wrong_input_gets_one_sentence_and_code_2_and_writes_nothing(call, tmp_path, arguments, told):
    (tmp_path / "bad.toml").write_text("lamda = 0.1\n")
    (tmp_path / "type.toml").write_text('K = "ten"\n')
    (tmp_path / "empty.toml").touch()
    (tmp_path / "table.csv").write_text("x,y\n1,2\n3\n")
    (tmp_path / "repeated.csv").write_text("word,concept,frequency\na,x,1\na,y,1\n")
    (tmp_path / "busy").mkdir()
    (tmp_path / "busy" / "thesis.tex").write_text("years of work")
    before = {str(p): p.read_bytes() if p.is_file() else None for p in tmp_path.rglob("*")}
    code, out, err = call(*arguments)
    assert code == 2, (out, err)
    assert told in err
    assert err.startswith("feature-collapse: ")
    assert len(err.strip().splitlines()) == 1
    assert "Traceback" not in err
    assert {str(p): p.read_bytes() if p.is_file() else None for p in tmp_path.rglob("*")} == before


@pytest.mark.parametrize("arguments", [["train", "--K", "ten"], ["nothing"], ["train", "--ephocs", "3"]])
def test_what_cannot_be_parsed_exits_with_code_2(call, arguments):
    code, _, err = call(*arguments)
    assert code == 2
    assert len(err.strip().splitlines()) == 1
    assert "Traceback" not in err


def test_a_diverging_run_names_the_epoch_and_what_to_lower(call):
    code, _, err = call("train", *TINY, "--learning-rate", "1e30", "--init-scale", "10", "--out", "r")
    assert code == 2
    assert "training diverged; lower the learning rate" in err
    assert len(err.strip().splitlines()) == 1


def test_an_interrupt_is_told_and_exits_with_130(call, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("feature_collapse.experiments.run.train_sgd", interrupted)
    code, _, err = call("train", *TINY, "--out", "r")
    assert code == 130
    assert "the same command goes on from there" in err


def test_a_full_disk_is_told(call, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("feature_collapse.files.os.fsync", full)
    code, _, err = call("train", *TINY, "--out", "r")
    assert code == 2
    assert "no space is left on the disk" in err


def test_weights_that_diverge_in_the_last_step_are_told(call, tmp_path):
    code, _, err = call(
        "train", *TINY, "--epochs", "1", "--batch-size", "999", "--learning-rate", "1e30", "--out", "r"
    )
    assert code == 2
    assert "training diverged" in err
    assert not (tmp_path / "r" / "summary.json").exists()


def test_names_with_brackets_and_dollars_are_printed_and_drawn_as_they_stand(call, tmp_path):
    (tmp_path / "$a_$.csv").write_text("word,concept,frequency\n[/a],$x_$,2\nb,$x_$,1\n[red]c,y,1\nd,y,3\n")
    code, out, _ = call("task", "--vocabulary", "$a_$.csv")
    assert code == 0
    assert "[/a]" in out
    assert "[red]c" in out
    own = ("--vocabulary", "$a_$.csv", "--n-w", "4")
    assert call("train", *TINY, *own, "--out", "r[/b]")[0] == 0


def test_a_problem_beyond_the_memory_is_one_sentence(call):
    code, _, err = call("task", "--K", 2**31 - 1, "--L", 10**6)
    assert code == 2
    assert "not enough memory" in err
    assert err.count("\n") == 1


def test_pictures_of_several_records_are_not_written_over_each_other(call, tmp_path):
    code, _, err = call("figure", "r", "s", "--out", "pictures")
    assert code == 2
    assert "one only" in err
    assert not (tmp_path / "pictures").exists()
