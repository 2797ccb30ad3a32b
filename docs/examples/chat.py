# A streamed answer with the package `openai` for Python, what it took, and the id under which the gateway knows it.
import os
import sys

from openai import APIError, APIStatusError, OpenAI

client = OpenAI(
    base_url=os.environ.get("OPENAI_BASE_URL", "http://127.0.0.1:8787/v1"),
    api_key=os.environ.get("OPENAI_API_KEY", "sk-local-development"),
)

try:
    with client.chat.completions.with_streaming_response.create(
        model="openai/gpt-5-mini",
        messages=[{"role": "user", "content": "Why is the sky blue? Answer in one sentence."}],
        stream=True,
        stream_options={"include_usage": True},
    ) as response:
        usage = None
        for chunk in response.parse():
            if chunk.choices and chunk.choices[0].delta.content:
                print(chunk.choices[0].delta.content, end="", flush=True)
            usage = chunk.usage or usage
        print(f"\n\n{usage.prompt_tokens} tokens in, {usage.completion_tokens} out")
        print(f"x-request-id: {response.request_id}")
except APIError as error:
    # The client has by then tried again by itself where that could help.
    request_id = error.request_id if isinstance(error, APIStatusError) else None
    sys.exit(f"{error.message} (code {error.code}, x-request-id {request_id})")
