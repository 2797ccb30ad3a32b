"""What the official openai client for Python makes of the gateway: one line of JSON for each scenario.

It finds the gateway by OPENAI_BASE_URL and OPENAI_API_KEY, as any program does. What the lines must say is
openai-python.test.ts's to judge.
"""

import asyncio
import json
import traceback
from typing import Any, Callable, Literal

import openai
from pydantic import BaseModel

MODEL = "openai/gpt-4o-mini"
TOOL_MODEL = "sim/tools"
BREAKING_MODEL = "sim/die-mid-stream"
QUESTION = "Hello"
HELLO: Any = [{"role": "user", "content": QUESTION}]
# Slow enough for what was said to arrive first: else another model would answer.
SLOWLY = {"sim": {"gap_ms": 5}}

client = openai.OpenAI(max_retries=0)


class Verdict(BaseModel):
    answer: Literal["yes", "no"]


class Weather(BaseModel):
    """The weather in a city."""

    city: str


def weather_in(arguments: str) -> str:
    return f"21 °C in {Weather.model_validate_json(arguments).city} 🌤"


def raised(call: Callable[[], Any]) -> dict[str, Any]:
    """What the caller of the client gets to see of an error."""
    try:
        call()
    except openai.APIError as error:
        return {
            "type": type(error).__name__,
            "code": error.code,
            "param": error.param,
            "message": error.message,
            "status": getattr(error, "status_code", None),
            "request_id": getattr(error, "request_id", None),
        }
    return {"type": None}


def chat() -> dict[str, Any]:
    answer = client.chat.completions.create(model=MODEL, messages=HELLO)
    return {
        "text": answer.choices[0].message.content,
        "finish_reason": answer.choices[0].finish_reason,
        "model": answer.model,
        "usage": answer.usage and answer.usage.model_dump(),
        "request_id": answer._request_id,
    }


def chat_stream() -> dict[str, Any]:
    text, usage = "", None
    for chunk in client.chat.completions.create(model=MODEL, messages=HELLO, stream=True):
        text += chunk.choices[0].delta.content or "" if chunk.choices else ""
        usage = chunk.usage or usage
    return {"text": text, "usage": usage and usage.model_dump()}


def chat_stream_async() -> dict[str, Any]:
    async def read() -> str:
        text = ""
        async with openai.AsyncOpenAI(max_retries=0) as asynchronous:
            async for chunk in await asynchronous.chat.completions.create(model=MODEL, messages=HELLO, stream=True):
                text += chunk.choices[0].delta.content or "" if chunk.choices else ""
        return text

    return {"text": asyncio.run(read())}


def chat_tools(streamed: bool) -> dict[str, Any]:
    tools: Any = [openai.pydantic_function_tool(Weather, name="weather")]

    def ask(messages: Any) -> Any:
        if not streamed:
            return client.chat.completions.create(model=TOOL_MODEL, messages=messages, tools=tools).choices[0]
        with client.chat.completions.stream(model=TOOL_MODEL, messages=messages, tools=tools) as stream:
            return stream.get_final_completion().choices[0]

    first = ask(HELLO)
    call = first.message.tool_calls[0]
    result = {"role": "tool", "tool_call_id": call.id, "content": weather_in(call.function.arguments)}
    second = ask([*HELLO, first.message.model_dump(include={"role", "content", "tool_calls"}), result])
    return {
        "finish_reasons": [first.finish_reason, second.finish_reason],
        "name": call.function.name,
        "arguments": json.loads(call.function.arguments),
        "text": second.message.content,
    }


def chat_structured() -> dict[str, Any]:
    answer = client.chat.completions.parse(model=MODEL, messages=HELLO, response_format=Verdict)
    with client.chat.completions.stream(model=MODEL, messages=HELLO, response_format=Verdict) as stream:
        streamed = stream.get_final_completion()
    parsed = [one.choices[0].message.parsed for one in (answer, streamed)]
    return {"parsed": [one and one.model_dump() for one in parsed], "type": type(parsed[0]).__name__}


def chat_gateway_tool() -> dict[str, Any]:
    tools: Any = [{"type": "gateway:calculator"}]
    extra = {"sim": {"tool_arguments": {"expression": "6 * 7"}}}
    answer = client.chat.completions.create(model=TOOL_MODEL, messages=HELLO, tools=tools, extra_body=extra)
    text = ""
    for chunk in client.chat.completions.create(
        model=TOOL_MODEL, messages=HELLO, tools=tools, extra_body=extra, stream=True
    ):
        text += chunk.choices[0].delta.content or "" if chunk.choices else ""
    return {"texts": [answer.choices[0].message.content, text]}


def chat_errors() -> dict[str, Any]:
    stranger = client.with_options(api_key="sk-nobody")
    return {
        "invalid": raised(lambda: client.chat.completions.create(model=MODEL, messages=HELLO, temperature=9)),
        "stranger": raised(lambda: stranger.chat.completions.create(model=MODEL, messages=HELLO, stream=True)),
        "broken": raised(
            lambda: list(
                client.chat.completions.create(model=BREAKING_MODEL, messages=HELLO, stream=True, extra_body=SLOWLY)
            )
        ),
    }


def responses() -> dict[str, Any]:
    whole = client.responses.create(model=MODEL, input=QUESTION)
    text = ""
    with client.responses.stream(model=MODEL, input=QUESTION) as stream:
        for event in stream:
            text += event.delta if event.type == "response.output_text.delta" else ""
        streamed = stream.get_final_response()
    return {
        "texts": [whole.output_text, text, streamed.output_text],
        "status": [whole.status, streamed.status],
        "usages": [one.usage and one.usage.model_dump() for one in (whole, streamed)],
        "request_id": whole._request_id,
    }


def responses_tools() -> dict[str, Any]:
    tool: Any = openai.pydantic_function_tool(Weather, name="weather")["function"]
    tools: Any = [{"type": "function", **tool}]
    question: Any = {"role": "user", "content": QUESTION}
    first = client.responses.create(model=TOOL_MODEL, input=[question], tools=tools)
    call: Any = next(item for item in first.output if item.type == "function_call")
    result: Any = {"type": "function_call_output", "call_id": call.call_id, "output": weather_in(call.arguments)}
    second = client.responses.create(
        model=TOOL_MODEL, input=[question, call.model_dump(exclude_none=True), result], tools=tools
    )
    return {"name": call.name, "arguments": json.loads(call.arguments), "text": second.output_text}


def responses_structured() -> dict[str, Any]:
    parsed = client.responses.parse(model=MODEL, input=QUESTION, text_format=Verdict).output_parsed
    return {"parsed": parsed and parsed.model_dump(), "type": type(parsed).__name__}


def responses_errors() -> dict[str, Any]:
    return {
        "stateful": raised(lambda: client.responses.create(model=MODEL, input=QUESTION, previous_response_id="r_1")),
        "broken": raised(
            lambda: list(client.responses.create(model=BREAKING_MODEL, input=QUESTION, stream=True, extra_body=SLOWLY))
        ),
    }


def embeddings() -> dict[str, Any]:
    """The client asks for base64 unless it is told otherwise, and decodes it."""
    of: Any = {"model": "openai/text-embedding-3-small", "input": ["one", "two"], "dimensions": 16}
    decoded = client.embeddings.create(**of)
    plain = client.embeddings.create(**of, encoding_format="float")
    return {
        "decoded": [one.embedding for one in decoded.data],
        "plain": [one.embedding for one in plain.data],
        "tokens": decoded.usage.total_tokens,
    }


def completions() -> dict[str, Any]:
    of: Any = {"model": MODEL, "prompt": QUESTION, "extra_body": {"sim": {"text_seed": 7}}}
    whole = client.completions.create(**of)
    text = "".join(chunk.choices[0].text if chunk.choices else "" for chunk in client.completions.create(**of, stream=True))
    return {"texts": [whole.choices[0].text, text], "usage": whole.usage and whole.usage.model_dump()}


SCENARIOS: dict[str, Callable[[], dict[str, Any]]] = {
    "version": lambda: {"openai": openai.__version__},
    "chat": chat,
    "chat_stream": chat_stream,
    "chat_stream_async": chat_stream_async,
    "chat_tools": lambda: chat_tools(streamed=False),
    "chat_tools_stream": lambda: chat_tools(streamed=True),
    "chat_structured": chat_structured,
    "chat_gateway_tool": chat_gateway_tool,
    "chat_errors": chat_errors,
    "responses": responses,
    "responses_tools": responses_tools,
    "responses_structured": responses_structured,
    "responses_errors": responses_errors,
    "embeddings": embeddings,
    "completions": completions,
}

for name, scenario in SCENARIOS.items():
    try:
        line = {"scenario": name, "result": scenario()}
    except Exception:
        line = {"scenario": name, "failure": traceback.format_exc()}
    print(json.dumps(line), flush=True)
