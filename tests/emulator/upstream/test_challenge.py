"""Challenges of upstreams: the forms that registries send."""

import pytest

from docker_credential_gcr.emulator.upstream.challenge import Challenge, find_challenge

HUB = 'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:library/a:pull"'


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        (
            [HUB],
            Challenge(
                True, "https://auth.docker.io/token", "registry.docker.io", ("repository:library/a:pull",)
            ),
        ),
        (['Basic realm="Registry"'], Challenge(False, "Registry")),
        (["basic realm=Registry"], Challenge(False, "Registry")),
        (['BEARER Realm = "a" ,\tService=b'], Challenge(True, "a", "b")),
        (['Basic realm="a", Bearer realm="b"'], Challenge(True, "b")),
        (['Basic realm="a"', 'Bearer realm="b",scope="x y"'], Challenge(True, "b", "", ("x", "y"))),
        (['Bearer realm="a\\"b\\\\c, d"'], Challenge(True, 'a"b\\c, d')),
        (['Bearer realm="a",realm="b"'], Challenge(True, "a")),
        (['Negotiate, Bearer realm="a"'], Challenge(True, "a")),
        (['Bearer scope="1 2 3 4 5 6"'], Challenge(True, "", "", ("1", "2", "3", "4"))),
        (["Bearer"], Challenge(True)),
        (['Digest realm="x"'], None),
        (['realm="x"'], None),
        ([], None),
        ([""], None),
        (["\u00e4"], None),
    ],
)
def test_the_bearer_challenge_counts_before_the_basic_one(
    headers: list[str], found: Challenge | None
) -> None:
    assert find_challenge(headers) == found


def test_t15_a_long_challenge_takes_linear_time() -> None:
    for text in (
        'Bearer a="' + "\\" * 10**6,
        "Bearer " + "a=b," * 10**6,
        "a " * 10**6,
        "Bearer " + "a" * 10**6,
    ):
        find_challenge([text])
