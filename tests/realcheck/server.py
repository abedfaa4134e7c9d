"""The provider on loopback: OpenAI's protocol over HTTP/1.1, nothing but the standard library."""

import asyncio
import json
from typing import Any

from provider import Provider, Sent, retry_after_header

from simkit.plan.codes import Kind
from simkit.plan.plan import NEVER

STATUS = {
    Kind.RATE_LIMIT: (429, "Too Many Requests", "rate_limit_exceeded"),
    Kind.OVERLOADED: (503, "Service Unavailable", "overloaded"),
    Kind.SERVER_ERROR: (500, "Internal Server Error", "server_error"),
    Kind.BAD_REQUEST: (400, "Bad Request", "invalid_request_error"),
    Kind.CONTENT_FILTER: (400, "Bad Request", "content_policy_violation"),
}
SAID = "as the scenario says"
REJECTED = "Your request was rejected as a result of our safety system (content_policy_violation)."


class Clock:
    """Time of the scenario; it may run faster than the real one."""

    def __init__(self, speed: float = 1.0) -> None:
        self.speed = speed
        self.start()

    def start(self) -> None:
        """The scenario begins now."""
        self.zero = asyncio.get_running_loop().time()

    def now(self) -> int:
        """ns since the scenario's start."""
        return int((asyncio.get_running_loop().time() - self.zero) * self.speed * 1e9)

    async def until(self, moment: int) -> None:
        """Sleep until a time of the scenario."""
        await asyncio.sleep(max(0.0, (moment - self.now()) / 1e9 / self.speed))


class Server:
    """Answers requests as the provider says. A request's message is the action's number, its model the deployment."""

    def __init__(self, provider: Provider, clock: Clock, retry_after: str) -> None:
        self.provider, self.clock, self.retry_after = provider, clock, retry_after
        self.connections: list[asyncio.Task[None]] = []
        self.names = list(provider.plan.names.deployments)

    async def __aenter__(self) -> str:
        self.server = await asyncio.start_server(self.accept, "127.0.0.1", 0, backlog=512)
        return f"http://127.0.0.1:{self.server.sockets[0].getsockname()[1]}/v1"

    async def __aexit__(self, *_: object) -> None:
        self.server.close()
        for connection in self.connections:
            connection.cancel()
        await asyncio.gather(*self.connections, return_exceptions=True)

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """A caller connects."""
        self.connections.append(asyncio.get_running_loop().create_task(self.serve(reader, writer)))

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, request after request."""
        try:
            while body := await self.request(reader):
                action, deployment = int(body["messages"][0]["content"]), self.names.index(body["model"])
                sent = self.provider.receive(action, deployment, self.clock.now())
                if not await self.answer(sent, reader, writer):
                    break
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    @staticmethod
    async def request(reader: asyncio.StreamReader) -> dict[str, Any]:
        """The body of the next request."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = next(int(line.split(":")[1]) for line in head.split("\r\n") if line.startswith("content-length:"))
        body: dict[str, Any] = json.loads(await reader.readexactly(length))
        return body

    async def answer(self, sent: Sent, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer it in its time; does the connection live on?"""
        if sent.takes >= NEVER:
            await reader.read(1)  # until the caller hangs up
            sent.ended = self.clock.now()
            return False
        await self.clock.until(sent.at + sent.takes)
        sent.ended = self.clock.now()
        if sent.kind == Kind.CONNECTION:
            writer.transport.abort()
            return False
        writer.write(self.response(sent))
        await writer.drain()
        return True

    def response(self, sent: Sent) -> bytes:
        """Answer or error."""
        status, reason, code = STATUS.get(sent.kind, (200, "OK", ""))
        message = REJECTED if sent.kind == Kind.CONTENT_FILTER else SAID
        error = {"error": {"message": message, "type": code, "code": code, "param": None}}
        content = json.dumps(error if code else self.completion(sent)).encode()
        headers = {"content-type": "application/json", "content-length": str(len(content))}
        headers |= retry_after_header(self.retry_after, sent.retry_after)
        lines = [f"HTTP/1.1 {status} {reason}", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
        return "\r\n".join(lines).encode() + content

    def completion(self, sent: Sent) -> dict[str, object]:
        """A chat completion."""
        choice = {"index": 0, "message": {"role": "assistant", "content": "yes"}, "finish_reason": "stop"}
        usage = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}
        told = {"id": "1", "object": "chat.completion", "created": 1, "model": self.names[sent.deployment]}
        return told | {"choices": [choice], "usage": usage}
