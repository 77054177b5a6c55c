#!/usr/bin/env python3
"""Rewards from `fathom reward` for trainers in Python: one co-process, no other dependency.

    from reward import Reward
    reward = Reward(["--suite", "tabletop"])       # truth by the sample's id
    trainer = GRPOTrainer(reward_funcs=[reward.trl], ...)

Run as a program it scores two replies and prints what they earn.
"""
import json
import subprocess
import threading


class Reward:
    """A running `fathom reward`. Calls may come from any thread; each is answered in order."""

    def __init__(self, options=(), program="fathom"):
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            [program, "reward", *options],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8")

    def answers(self, requests):
        """One answer a request, each with "reward" or "error"."""
        lines = [json.dumps(r) + "\n" for r in requests]
        with self._lock:
            # Beside the reading: a pipe holds 64 KiB, and neither side may wait for the other.
            writer = threading.Thread(target=self._write, args=(lines,))
            writer.start()
            found = [self._process.stdout.readline() for _ in lines]
            writer.join()
        if not all(found):
            raise RuntimeError("fathom reward ended; its messages are on standard error")
        return [json.loads(line) for line in found]

    def _write(self, lines):
        try:
            self._process.stdin.writelines(lines)
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # the reader sees the end of the output

    def rewards(self, requests):
        """Numbers alone. What cannot be judged is a mistake in the data, not a bad reply."""
        found = self.answers(requests)
        for answer in found:
            if "error" in answer:
                raise ValueError(f"sample {answer.get('id')}: {answer['error']['message']}")
        return [answer["reward"] for answer in found]

    def close(self):
        self._process.stdin.close()
        return self._process.wait()

    # ---- trainers ----

    def trl(self, completions, sample_id=None, truth=None, **_):
        """TRL's GRPOTrainer and R1-V: reward_funcs=[reward.trl]. The data set has a column
        `sample_id` (with --suite) or `truth`; completions are texts or lists of messages."""
        texts = [c if isinstance(c, str) else c[-1]["content"] for c in completions]
        return self.rewards([request(t, sample_id and sample_id[i], truth and truth[i])
                             for i, t in enumerate(texts)])

    def verl(self, data_source, solution_str, ground_truth, extra_info=None):
        """verl's custom_reward_function: ground_truth is a sample's id (with --suite) or a truth."""
        by_id = isinstance(ground_truth, (int, str))
        return self.rewards([request(solution_str, ground_truth if by_id else None,
                                     None if by_id else ground_truth)])[0]


def request(reply, sample_id=None, truth=None):
    line = {"reply": reply}
    if sample_id is not None:
        line["id"] = sample_id
    if truth is not None:
        line["truth"] = truth
    return line


def main():
    truth = {"trace": [[200, 800, 1.0], [400, 500, 1.5], [600, 400, 2.0]], "max_depth": 4.0,
             "key_steps": ["[Referring] [the watering can]: [(200, 800, 1.000)]"]}
    good = ("<think>[Referring] [watering can]: [(205, 790, 1.050)]</think>"
            "<answer>[(205, 790, 1.050), (400, 500, 1.5), (600, 400, 2.0)]</answer>")
    reward = Reward()
    first, second = reward.trl([good, [{"role": "assistant", "content": "I cannot."}]],
                               truth=[truth, truth])
    print(f"a good reply earns {first:.3f}, a bad one {second:.3f}")
    assert first > 3.4 and second == 0
    assert reward.verl("traces", good, truth) == first
    assert reward.close() == 0


if __name__ == "__main__":
    main()
