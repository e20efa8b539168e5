"""Random failures, cancels, holds and operators: whatever happens, the books agree with the end."""

import pytest
from hypothesis import given

from tests.house import House
from tests.stories import Story, examples, stories, tell


# Two hundred stories, in two halves, so that two processes can share them.
@pytest.mark.parametrize("half", ["first", "second"])
@pytest.mark.timeout(300)
@examples(100)
@given(story=stories)
async def test_books_agree_with_the_end_whatever_happens(
    house: House, half: str, story: Story
) -> None:
    await tell(house, story)


@pytest.mark.long
@pytest.mark.timeout(3000)
@examples(2000)
@given(story=stories)
async def test_books_agree_with_the_end_whatever_happens_often(house: House, story: Story) -> None:
    await tell(house, story)
