-- Puts the provider's id of a response into the body of a request, where the caller wrote its own. For an Envoy that sends
-- no request bodies through ext_proc (`request_body_mode: NONE` in tollgate.yaml): ext_authz has read the body already, and
-- says the id in `x-auth-previous-response-id`, which no client can write. Answers still need ext_proc: what seals the ids
-- in them is the gate.
--
-- A filter `envoy.filters.http.lua` after ext_authz and before ext_proc:
--
--   typed_config:
--     "@type": type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua
--     default_source_code: { filename: /etc/envoy/previous-response-id.lua }

local NAME = "previous_response_id"

-- The id that ext_authz has opened, as the caller wrote it. It is the only one, or there were no header.
local function judged(handle)
  local decision = handle:streamInfo():dynamicMetadata():get("envoy.filters.http.ext_authz") or {}
  return ((decision.response_ids or {}).named or {})[1]
end

local function occurrences(text, what)
  local _, count = text:gsub(what:gsub("%p", "%%%0"), "")
  return count
end

-- Every ASCII character that JSON may write with an escape, as it is meant.
local function decoded(text)
  return (text:gsub("\\u00([0-7]%x)", function(digits) return string.char(tonumber(digits, 16)) end))
end

function envoy_on_request(handle)
  local id = handle:headers():get("x-auth-previous-response-id")
  if not id then
    return
  end
  id = id:gsub("%%(%x%x)", function(digits) return string.char(tonumber(digits, 16)) end)
  -- As it stands between quotation marks.
  id = id:gsub('[\\"]', "\\%0")
  local body = handle:body()
  local text = body and body:getBytes(0, body:length()) or ""
  local shown, replaced, count = judged(handle), "", 0
  if shown and occurrences(decoded(text), NAME) == 1 then
    local member = '("' .. NAME .. '"%s*:%s*")' .. shown:gsub("%p", "%%%0") .. '(")'
    replaced, count = text:gsub(member, function(before, after) return before .. id .. after end)
  end
  if count ~= 1 then
    -- Spelled with escapes, twice, or not the id that the gate has judged: nobody knows which the upstream would read.
    handle:respond({ [":status"] = "400", ["content-type"] = "application/json" },
      '{"error":{"message":"previous_response_id must be written plainly, and once","type":"invalid_request_error",' ..
      '"param":"previous_response_id","code":"400"}}')
    return
  end
  local length = body:setBytes(replaced)
  if handle:headers():get("content-length") then
    handle:headers():replace("content-length", tostring(length))
  end
end
