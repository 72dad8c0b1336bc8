-- What the Lua scripts of all DAWs share: JSON, and messages through the exchange folder.
-- Needs `protocol` (bridge.protocol.lua_constants) and `configuration` (the program's folder).

local function json_text (text)
  local escaped = text:gsub ('[%c"\\]', function (c) return string.format ("\\u%04x", c:byte ()) end)
  return '"' .. escaped .. '"'
end

local function json_value (value)
  if type (value) == "string" then return json_text (value) end
  if type (value) == "boolean" then return tostring (value) end
  -- A float would be written with a fraction or an exponent.
  if math.type (value) == "integer" then return string.format ("%d", value) end
  assert (value == value and math.abs (value) < math.huge, "a number is not finite")
  return string.format ("%.17g", value)
end

local function utf_8 (code)
  return code < 0xd800 and utf8.char (code) or code > 0xdfff and utf8.char (code) or "?"
end

local json_escapes = { b = "\b", f = "\f", n = "\n", r = "\r", t = "\t" }

-- The string that begins at `at`, and where it ends.
local function json_read_text (json, at)
  local parts = {}
  at = at + 1
  while true do
    local stop = assert (json:find ('["\\]', at), "a string has no end")
    parts[#parts + 1] = json:sub (at, stop - 1)
    if json:sub (stop, stop) == '"' then return table.concat (parts), stop + 1 end
    local letter = json:sub (stop + 1, stop + 1)
    at = stop + 2
    if letter == "u" then
      local code = assert (tonumber (json:sub (at, at + 3), 16), "a letter is spelled wrong")
      at = at + 4
      local low = json:match ("^\\u([dD][c-fC-F]%x%x)", at)
      if low and code >= 0xd800 and code <= 0xdbff then
        code = 0x10000 + ((code - 0xd800) << 10) + tonumber (low, 16) - 0xdc00
        at = at + 6
      end
      parts[#parts + 1] = utf_8 (code)
    else
      parts[#parts + 1] = json_escapes[letter] or letter
    end
  end
end

-- Reads what the program writes: objects of objects, texts, numbers, true and false.
local function json_read (json, at)
  at = json:match ("^%s*()", at)
  local first = json:sub (at, at)
  if first == '"' then return json_read_text (json, at) end
  if first == "{" then
    local object = {}
    at = json:match ("^%s*()", at + 1)
    while json:sub (at, at) ~= "}" do
      local name, value
      name, at = json_read_text (json, assert (json:match ('^[%s,]*()"', at), "a name is missing"))
      value, at = json_read (json, assert (json:match ("^%s*:()", at), "a colon is missing"))
      object[name] = value
      at = json:match ("^%s*()", at)
    end
    return object, at + 1
  end
  local word, stop = json:match ("^([%w.+-]+)()", at)
  assert (word, "a value is missing")
  if word == "true" or word == "false" then return word == "true", stop end
  return assert (math.tointeger (word) or tonumber (word), "a number cannot be read"), stop
end

local function read_file (path)
  local file = io.open (path, "rb")
  if not file then return nil end
  local content = file:read ("a")
  file:close ()
  return content
end

local function write_file (path, content)
  local file = assert (io.open (path .. ".part", "wb"))
  assert (file:write (content))
  assert (file:close ())
  assert (os.rename (path .. ".part", path))
end

-- Where the program is: { port, spool, pid }, or nil where it does not run.
local function program ()
  local told = read_file (configuration .. "/bridge.json")
  return told and (json_read (told, 1))
end

local messages_written = 0

-- Writes a message of the table into the exchange folder: its own arguments by name.
local function say (where, sender, name, values)
  local kind = protocol.messages[name]
  local token = assert (read_file (configuration .. "/bridge-token"), "The token cannot be read.")
  local given = { token = token:match ("%x+"), sender = sender, sequence = 0 }
  for argument, value in pairs (values) do given[argument] = value end
  local parts = {}
  for _, argument in ipairs (kind.arguments) do
    assert (given[argument] ~= nil, "the message " .. name .. " needs " .. argument)
    parts[#parts + 1] = json_text (argument) .. ":" .. json_value (given[argument])
    given[argument] = nil
  end
  assert (next (given) == nil, "the message " .. name .. " has an argument too many")
  local json = '{"address":' .. json_text (kind.address) .. ',"arguments":{'
  json = json .. table.concat (parts, ",") .. "}}"
  messages_written = messages_written + 1
  -- Acted on in the order of these names.
  local stamp = string.format ("%012d-%06d", os.time (), messages_written)
  write_file (string.format ("%s/inbox/%s-%s.json", where.spool, stamp, sender), json)
end

-- The address and the arguments of a message that the program wrote.
local function hear (json)
  local message = json_read (json, 1)
  return message.address, message.arguments
end

-- Channels and rate of a WAV file; nil where it is none.
local function wav_format (path)
  local file = io.open (path, "rb")
  if not file then return nil end
  local head, channels, rate_hz = file:read (12) or "", nil, nil
  if head:match ("^R[IF][F6][F4]....WAVE") then
    while true do
      local chunk = file:read (8)
      if not chunk or #chunk < 8 then break end
      local size = string.unpack ("<I4", chunk, 5)
      if chunk:sub (1, 4) == "fmt " then
        local format = file:read (16)
        if format and #format == 16 then
          channels, rate_hz = string.unpack ("<I2I4", format, 3)
        end
        break
      end
      file:seek ("cur", size + size % 2)
    end
  end
  file:close ()
  return channels, rate_hz
end

-- Writes sound as a WAV file of 32-bit floats.
-- read (channel, from_samples, count) gives a table of samples; from_samples counts from 0.
local function write_wav (path, rate_hz, channels, length_samples, read)
  local size = length_samples * channels * 4
  assert (size < 2 ^ 32 - 100, "The clip is too long for a WAV file; send a shorter one.")
  local file = assert (io.open (path .. ".part", "wb"))
  file:write (
    "RIFF", string.pack ("<I4", 48 + size), "WAVE", "fmt ",
    string.pack ("<I4I2I2I4I4I2I2", 16, 3, channels, rate_hz, rate_hz * channels * 4,
      channels * 4, 32),
    "fact", string.pack ("<I4I4", 4, length_samples), "data", string.pack ("<I4", size)
  )
  local block = 4096
  for from = 0, length_samples - 1, block do
    local count = math.min (block, length_samples - from)
    local mixed = {}
    for channel = 1, channels do
      local samples = read (channel, from, count)
      for i = 1, count do mixed[(i - 1) * channels + channel] = samples[i] end
    end
    assert (file:write (string.pack ("<" .. ("f"):rep (#mixed), table.unpack (mixed))))
  end
  assert (file:close ())
  assert (os.rename (path .. ".part", path))
end

-- A short name for a text, the same each time.
local function short_hash (text)
  local hash = 5381
  for i = 1, #text do hash = (hash * 33 + text:byte (i)) % 4294967291 end
  return string.format ("%08x", hash)
end

-- Lua begins errors with places in the script, one for each time they are passed on; people need
-- the sentence.
local function sentence_of (fault)
  local sentence, places = tostring (fault), 1
  while places > 0 do sentence, places = sentence:gsub ("^[^\n]-:%-?%d+: ", "") end
  return sentence
end

-- Keeps up with the program: greets each start of it, and does what it leaves in the exchange
-- folder. `daw` has name, version, and these:
--   new_sender (where)       a name for the next time that we speak to it
--   greeted (where, sender)  called when it knows that name
--   insert (values), fetch (), tell (sentence)
--   ring (where)             called after something was said to it
-- Gives two functions: one to call about once a second, one that tells the name of now.
local function correspondence (daw)
  local sender, known_pid, read_so_far = nil, nil, 0

  local function greet (where)
    sender, known_pid, read_so_far = daw.new_sender (where), where.pid, 0
    say (where, sender, "hello",
      { daw = daw.name, version = daw.version, pid = 0, port = 0, answers = 0 })
    daw.greeted (where, sender)
  end

  local function act (where, message)
    local address, values = hear (message)
    if address == protocol.messages.insert.address then
      local fine, fault = pcall (daw.insert, values)
      local sentence = fine and "" or sentence_of (fault)
      say (where, sender, "inserted",
        { insert = values.insert, done = fine and 1 or 0, sentence = sentence })
      daw.ring (where)
    elseif address == protocol.messages.fetch.address then
      daw.fetch ()
    elseif address == protocol.messages.error.address then
      daw.tell (values.sentence)
    end
  end

  local function look ()
    local where = program ()
    if not where then
      known_pid = nil
      return
    end
    if where.pid ~= known_pid then greet (where) end
    while true do
      local name = string.format ("%s/outbox/to-%s/%06d.json", where.spool, sender, read_so_far + 1)
      local message = read_file (name)
      if not message then return end
      -- Before acting: what fails must not come again every second.
      read_so_far = read_so_far + 1
      os.remove (name)
      act (where, message)
    end
  end

  return look, function () return sender end
end
