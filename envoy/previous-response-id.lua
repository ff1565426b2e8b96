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

local MEMBER = '("previous_response_id"%s*:%s*")resp_[%w_=/+:%-]+(")'

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
  local replaced, count = text:gsub(MEMBER, function(before, after) return before .. id .. after end)
  if count ~= 1 then
    -- Spelled with escapes, or twice: the upstream must not get what the gate has judged by another reading.
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
