"""The real clients: LiteLLM's Router and OpenAI's SDK as they are installed, with their own defaults.

Only their luck is lent: where they draw a random number they get the one that the simulator draws for the same attempt,
so that what differs is policy and not chance.
"""

import asyncio
import logging
import os
import random
from collections.abc import Awaitable, Callable, Sequence
from contextvars import ContextVar
from multiprocessing.synchronize import Barrier
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from case import SEED, Case
from provider import Provider, Question
from server import Clock, Server

from simkit.plan.plan import NEVER

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # it would look for a newer price list on the network
asking: ContextVar[int] = ContextVar("asking")
"""The action whose call this is."""


starts: list[Barrier] = []
"""Where clients that run at the same time wait for each other."""


def begin_with(start: Barrier) -> None:
    """The client of this process begins when all are there."""
    starts.append(start)


class Ended:
    """How a call ended for who made it."""

    def __init__(self, error: Exception | None, at: int) -> None:
        self.ok = error is None
        self.error = "" if error is None else f"{type(error).__name__}: {error}"
        self.at = at


class Story:
    """What a real client did: what the provider saw, how calls ended, what was left alone and for how long."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self.ended: dict[int, Ended] = {}
        self.cooldowns: list[tuple[int, int, int]] = []
        """(time, deployment, until)"""
        self.stall = 0.0
        """Seconds for which the machine let nothing happen, the longest time."""


WARM_UP = ("m", [{"role": "user", "content": "-1"}])
"""A call of another Router that nobody counts: the first one of a process imports half of the package."""
Ask = Callable[[Question], Awaitable[object]]


def go_through(case: Case) -> Story:
    """Let the case's client make its calls."""
    return asyncio.run({"litellm": through_router, "openai": through_sdk}[case.client](case))


async def through_router(case: Case) -> Story:
    """All calls through one LiteLLM Router."""
    import litellm
    import litellm.router_strategy.simple_shuffle as shuffle
    import litellm.utils

    litellm.suppress_debug_info = True
    logging.getLogger("LiteLLM Router").setLevel(logging.CRITICAL)
    story, clock = Story(Provider(case.plan, case.asked, SEED)), Clock()
    luck = Luck(story.provider, case)
    async with Server(story.provider, clock, case.retry_after) as url:
        router = litellm.Router(**settings(case, url))
        with patch.object(shuffle, "random", luck), patch.object(litellm.utils, "random", luck):
            await litellm.Router(**settings(case, url)).acompletion(*WARM_UP)
            watch_cooldowns(case, router, story, clock)
            group = case.plan.names.models[0]

            async def ask(question: Question) -> object:
                return await router.acompletion(group, [{"role": "user", "content": str(question.number)}])

            await all_calls(case, story, clock, ask)
    return story


def settings(case: Case, url: str) -> dict[str, Any]:
    """A Router with all defaults but the timeout, where the scenario has its own."""
    plan, names = case.plan, case.plan.names
    entries = [
        {
            "model_name": names.models[plan.deployments.model[n]],
            "litellm_params": {"model": f"{case.vendor}/{name}", "api_base": url, "api_key": "none"},
            "model_info": {"id": name},
        }
        for n, name in enumerate(names.deployments)
    ]
    made: dict[str, Any] = {"model_list": entries}
    chain = [names.models[model] for model in plan.models.fallback[0] if model >= 0]
    if chain:
        made["fallbacks"] = [{names.models[0]: chain}]
    if plan.inner.timeout[0] != 600 * 10**9:
        made["timeout"] = plan.inner.timeout[0] / 1e9
    return made


def watch_cooldowns(case: Case, router: Any, story: Story, clock: Clock) -> None:
    """Write down which deployment is left alone, when and until when."""
    cache = router.health().cooldowns if hasattr(router, "health") else router.cooldown_cache  # before 1.109
    enter = cache.add_deployment_to_cooldown

    def add(model_id: str, *rest: Any, cooldown_time: float, **named: Any) -> None:
        now, deployment = clock.now(), case.plan.names.deployments.index(model_id)
        before = max((until for _, n, until in story.cooldowns if n == deployment), default=-1)
        if now >= before:  # a cooldown under way is not made longer
            story.cooldowns.append((now, deployment, now + int(cooldown_time * 1e9)))
        enter(model_id, *rest, cooldown_time=cooldown_time, **named)

    cache.add_deployment_to_cooldown = add


async def through_sdk(case: Case) -> Story:
    """All calls through one AsyncOpenAI."""
    import anyio
    import openai
    import openai._base_client as base

    story, clock = Story(Provider(case.plan, case.asked, SEED)), Clock(case.speed)
    faster = SimpleNamespace(sleep=lambda seconds: anyio.sleep(seconds / case.speed))
    timeout = case.plan.inner.timeout[0]
    own = {} if timeout in (600 * 10**9, NEVER) else {"timeout": timeout / 1e9 / case.speed}
    async with Server(story.provider, clock, case.retry_after) as url:
        luck = Luck(story.provider, case)
        with patch.object(base, "anyio", faster), patch.object(base, "random", luck.random):
            async with openai.AsyncOpenAI(base_url=url, api_key="none", **own) as client:  # type: ignore[arg-type]

                async def ask(question: Question) -> object:
                    name = case.plan.names.deployments[0]
                    messages: Any = [{"role": "user", "content": str(question.number)}]
                    return await client.chat.completions.create(model=name, messages=messages)

                await all_calls(case, story, clock, ask)
    return story


async def all_calls(case: Case, story: Story, clock: Clock, ask: Ask) -> None:
    """Make each call at its time; done when all that are measured have ended."""
    for start in starts:
        start.wait()
    clock.start()

    async def call(question: Question) -> None:
        await clock.until(question.arrival)
        asking.set(question.number)
        error = None
        try:
            await ask(question)
        except Exception as found:  # whatever it is: how a call ends is what is looked at
            error = found
        story.ended[question.number] = Ended(error, clock.now())

    watch = asyncio.create_task(longest_stall(story))
    calls = {question.number: asyncio.create_task(call(question)) for question in case.asked}
    await asyncio.gather(*(calls[number] for number in case.measured))
    for rest in (watch, *calls.values()):
        rest.cancel()
    await asyncio.gather(watch, *calls.values(), return_exceptions=True)


async def longest_stall(story: Story) -> None:
    """How late a sleeper wakes up who wants to look every 10 ms."""
    loop = asyncio.get_running_loop()
    while True:
        before = loop.time()
        await asyncio.sleep(0.01)
        story.stall = max(story.stall, loop.time() - before - 0.01)


class Luck:
    """Stands for the module `random` in a client: the simulator's draws for the same attempt."""

    def __init__(self, provider: Provider, case: Case) -> None:
        self.provider, self.names = provider, case.plan.names

    def random(self) -> float:
        """For the wait after the last try."""
        number = asking.get(None)
        return random.random() if number is None else self.provider.backoff_luck(number)

    def choice(self, healthy: Sequence[Any]) -> Any:
        """One of the healthy deployments."""
        number = asking.get(None)
        if number is None:
            return random.choice(healthy)
        model = self.names.models.index(healthy[0]["model_name"])
        luck = self.provider.balance_luck(number, model)
        in_order = sorted(healthy, key=lambda one: self.names.deployments.index(one["model_info"]["id"]))
        return in_order[int(luck * len(in_order))]

    def __getattr__(self, name: str) -> Any:
        return getattr(random, name)
