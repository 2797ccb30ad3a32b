#!/bin/sh
# An answer as JSON, an answer as a stream, and what the account used: with curl 7.84 or later.
set -eu

base_url="${OPENAI_BASE_URL:-http://127.0.0.1:8787/v1}"
api_key="${OPENAI_API_KEY:-sk-local-development}"

# --fail-with-body: a refusal is shown, and ends the script. --no-buffer: events are shown as they come.
gateway() {
  path="$1"
  shift
  curl --silent --show-error --fail-with-body --no-buffer "$base_url/$path" \
    --header "Authorization: Bearer $api_key" --header 'Content-Type: application/json' \
    --write-out '\nx-request-id: %header{x-request-id}\n' "$@"
}

echo '== An answer as JSON; its "usage" says what it took'
gateway chat/completions --data '{
  "model": "openai/gpt-5-mini",
  "messages": [{ "role": "user", "content": "Why is the sky blue? Answer in one sentence." }]
}'

echo '== An answer as a stream of server-sent events, which ends with [DONE]'
gateway chat/completions --data '{
  "model": "openai/gpt-5-mini",
  "messages": [{ "role": "user", "content": "And the sea? Answer in one sentence." }],
  "stream": true
}'

# A request is in there some seconds after its answer.
echo '== What the account used in the last 30 days, by model, and what its limits leave'
gateway 'usage?group_by=model'
