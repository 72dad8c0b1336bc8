-- What the scripts for Ardour do. Needs common.lua and `sent` (the folder for sound that was made
-- to be sent).

local function sample_rate () return math.tointeger (Session:nominal_sample_rate () // 1) end

-- Another each time, in all sessions and scripts that run at once.
local function stamp ()
  local clock = math.floor (os.clock () * 1e6) % 1048576
  return string.format ("%s-%x-%x", short_hash (Session:path ()), os.time (), clock)
end

-- Where the insert hook tells the other scripts under which name it speaks to the program: they
-- run in a Lua of their own.
local function name_file (where)
  return where.spool .. "/ardour-" .. short_hash (Session:path ()) .. ".name"
end

-- Tempo and meters ----------------------------------------------------------------------------

-- The points of the tempo map from the timeline's start to last_samples. point_at (time) gives the
-- one that governs a time: between two times with the same point there is no other.
local function points_of (point_at, last_samples)
  local function at (samples) return point_at (Temporal.timepos_t (samples)) end
  local found = {}
  local function look (from, from_point, to, to_point)
    if from_point:to_point ():sclock () == to_point:to_point ():sclock () then return end
    if to - from <= 1 then
      found[#found + 1] = { point = to_point, samples = to }
      return
    end
    local middle = (from + to) // 2
    local middle_point = at (middle)
    look (from, from_point, middle, middle_point)
    look (middle, middle_point, to, to_point)
  end
  local first = at (0)
  found[1] = { point = first, samples = 0 }
  look (0, first, last_samples, at (last_samples))
  return found
end

local function ticks_of (point)
  local beats, ticks = point:to_point ():time ():beats ():str ():match ("^(-?%d+):(%d+)")
  return math.tointeger (beats) * Temporal.ticks_per_beat + math.tointeger (ticks)
end

-- tempo and meters as the protocol writes them, as far as last_samples.
local function song_time (last_samples)
  local map = Temporal.TempoMap.read ()
  local tempos, meters = {}, {}
  local points = points_of (function (time) return map:tempo_at (time) end, last_samples)
  for i, found in ipairs (points) do
    local ticks = ticks_of (found.point)
    local tempo = found.point:quarter_notes_per_minute ()
    local entry = string.format ("%d/%d:%.12f", ticks, Temporal.ticks_per_beat, tempo)
    local following = points[i + 1]
    if following then
      -- A glide is even over the beats, so its end follows from its middle.
      local middle = Temporal.timepos_t.from_ticks ((ticks + ticks_of (following.point)) // 2)
      local half_way = map:quarters_per_minute_at (middle)
      if math.abs (half_way - tempo) > 1e-6 then
        entry = string.format ("%s>%.12f@beats", entry, 2 * half_way - tempo)
      end
    end
    tempos[i] = entry
  end
  points = points_of (function (time) return map:meter_at (time) end, last_samples)
  for i, found in ipairs (points) do
    local bar = found.point:to_point ():bbt ().bars - 1
    local divisions, value = found.point:divisions_per_bar (), found.point:note_value ()
    meters[i] = string.format ("%d:%d/%d", bar, divisions, value)
  end
  map = nil -- as Ardour asks: it waits for the map to be let go
  return table.concat (tempos, " "), table.concat (meters, " ")
end

-- Sending -------------------------------------------------------------------------------------

local function track_of (region)
  for route in Session:get_tracks ():iter () do
    local track = route:to_track ()
    if not track:playlist ():region_by_id (region:to_stateful ():id ()):isnil () then
      return track
    end
  end
  error ("A region is on no track.")
end

-- Words of the markers in a stretch whose names begin with "lyrics:".
local function lyrics_between (start, stop)
  local found = {}
  for location in Session:locations ():list ():iter () do
    local words = location:name ():match ("^[Ll]yrics:%s*(.*)")
    local at = location:start ():samples ()
    if words and at >= start and at < stop then found[#found + 1] = { at, words } end
  end
  table.sort (found, function (a, b) return a[1] < b[1] end)
  local lines = {}
  for i, entry in ipairs (found) do lines[i] = entry[2] end
  return table.concat (lines, "\n")
end

-- The one file that holds just a region's sound, or nil: Ardour keeps stereo in a file for each
-- channel, a region may have one channel of a file with more, and a file with another rate is
-- heard resampled.
local function own_file (region, channels)
  local path
  for channel = 0, channels - 1 do
    local file = region:source (channel):to_filesource ()
    if file:isnil () or (path and path ~= file:path ()) then return nil end
    path = file:path ()
  end
  local has_channels, rate_hz = wav_format (path)
  if has_channels == channels and rate_hz == sample_rate () then return path end
  return nil
end

local function write_region (readable, channels, length, path)
  local memory = ARDOUR.DSP.DspShm (4096)
  write_wav (path, sample_rate (), channels, length, function (channel, from, count)
    local got = readable:read (memory:to_float (0), from, count, channel - 1)
    assert (got == count, "A region could not be read to its end.")
    return memory:to_float (0):get_table (count)
  end)
end

-- The sound of an audio region as a stretch of a file.
local function sound_of (region, name)
  local readable = region:to_audioregion ():to_readable ()
  local channels, length = readable:n_channels (), region:length ():samples ()
  local path = own_file (region, channels)
  if path then return path, region:start ():samples (), length end
  path = string.format ("%s/%s.wav", sent, name)
  write_region (readable, channels, length, path)
  return path, 0, length
end

-- The selected audio regions in the order of the timeline.
local function selected_regions ()
  local regions = {}
  for region in Editor:get_selection ().regions:regionlist ():iter () do
    if not region:to_audioregion ():isnil () then regions[#regions + 1] = region end
  end
  assert (#regions > 0, "Select one or more audio regions, then send.")
  table.sort (regions, function (a, b) return a:position ():samples () < b:position ():samples () end)
  return regions
end

local clips_sent = 0

local function send_region (where, sender, region, with_effects)
  local track = track_of (region)
  local position, length = region:position ():samples (), region:length ():samples ()
  clips_sent = clips_sent + 1
  local name = string.format ("%s-%d", stamp (), clips_sent)
  if with_effects then name = name .. "-effects" end
  local sounding = region
  if with_effects then
    sounding = track:bounce_range (
      position, position + length, ARDOUR.InterThreadInfo (), track:main_outs (), false,
      region:name () .. " with effects"
    )
    assert (sounding and not sounding:isnil (), "Ardour could not bounce " .. region:name () .. ".")
  end
  local path, start, sound_length = sound_of (sounding, name)
  local song_start, song_end = Session:current_start_sample (), Session:current_end_sample ()
  local marked = song_end > song_start
  -- What follows the clip needs the tempo as well: ten minutes of it.
  local tempo, meters = song_time (math.max (song_end, position + length) + 600 * sample_rate ())
  say (where, sender, "clip", {
    clip = name,
    path = path,
    start_samples = start,
    length_samples = math.min (sound_length, length),
    rate_hz = sample_rate (),
    position_samples = position,
    timeline_rate_hz = sample_rate (),
    tempo = tempo,
    meters = meters,
    song_start_samples = marked and song_start or -1,
    song_end_samples = marked and song_end or -1,
    track = track:name (),
    name = region:name (),
    lyrics = lyrics_between (position, position + length),
  })
end

local function ring (where)
  ARDOUR.LuaOSC.Address (string.format ("osc.udp://127.0.0.1:%d", where.port))
    :send (protocol.messages.doorbell.address, "")
end

local function send (with_effects)
  local where = program ()
  assert (where, "Jukebox Studio does not run; start it and send again.")
  local told = read_file (name_file (where)) or ""
  local pid, sender = told:match ("^(%d+) ([a-z0-9-]+)")
  assert (
    sender and math.tointeger (pid) == where.pid,
    "Ardour has not found Jukebox Studio yet; wait a second and send again. If this stays, see "
      .. "that the hook 'Jukebox Studio: Insert' is there (Edit > Lua Scripts > Script Manager)."
  )
  for _, region in ipairs (selected_regions ()) do
    send_region (where, sender, region, with_effects)
  end
  ring (where)
end

local function tell (sentence)
  LuaDialog.Message (
    "Jukebox Studio", sentence, LuaDialog.MessageType.Warning, LuaDialog.ButtonType.Close
  ):run ()
end

local function sending (with_effects)
  return function ()
    local fine, fault = pcall (send, with_effects)
    if not fine then tell (sentence_of (fault)) end
    collectgarbage ()
  end
end

-- Inserting -----------------------------------------------------------------------------------

-- The regions that begin at a sample, on all tracks, by their ids.
local function regions_at (samples)
  local found = {}
  for route in Session:get_tracks ():iter () do
    for region in route:to_track ():playlist ():region_list ():iter () do
      if region:position ():samples () == samples then
        found[region:to_stateful ():id ():to_s ()] = region
      end
    end
  end
  return found
end

local function track_named (name)
  if name == "" then return ARDOUR.Track () end
  local route = Session:route_by_name (name)
  if route:isnil () then return ARDOUR.Track () end
  return route:to_track ()
end

local function insert (values)
  local position, rate = values.position_samples, values.timeline_rate_hz
  assert (
    rate == sample_rate (),
    string.format ("The result is for a song at %d Hz, this one has %d Hz.", rate, sample_rate ())
  )
  assert (not Session:actively_recording (), "Ardour is recording; insert again afterwards.")
  local file = assert (io.open (values.path, "rb"), "There is no file " .. values.path .. ".")
  file:close ()
  local track = track_named (values.track)
  local files = C.StringVector ()
  files:push_back (values.path)
  local before = regions_at (position)
  Editor.do_import (
    Editor, files, Editing.ImportMergeFiles,
    track:isnil () and Editing.ImportAsTrack or Editing.ImportToTrack,
    ARDOUR.SrcQuality.SrcBest, ARDOUR.MidiTrackNameSource.SMFTrackName,
    ARDOUR.MidiTempoMapDisposition.SMFTempoIgnore, Temporal.timepos_t (position),
    ARDOUR.PluginInfo (), track, false
  )
  local imported = 0
  for id, region in pairs (regions_at (position)) do
    local audio = region:to_audioregion ()
    if not before[id] and not audio:isnil () then
      -- Else the joint to the clip would be heard: Ardour fades what it imports.
      audio:set_fade_in_active (false)
      imported = imported + 1
    end
  end
  assert (imported > 0, "Ardour did not import " .. values.path .. ".")
end

-- Called once a second: does what the program asks for.
local function listening ()
  local busy = false
  local look = correspondence ({
    name = "Ardour",
    version = version,
    new_sender = function (where)
      local pid, old = (read_file (name_file (where)) or ""):match ("^(%d+) ([a-z0-9-]+)")
      if pid and math.tointeger (pid) == where.pid then say (where, old, "goodbye", {}) end
      return "ardour-" .. stamp ()
    end,
    greeted = function (where, sender)
      write_file (name_file (where), string.format ("%d %s", where.pid, sender))
    end,
    insert = insert,
    fetch = sending (false),
    tell = tell,
    ring = ring,
  })

  return function ()
    -- An import runs the window's loop, which calls this again.
    if busy then return end
    busy = true
    local fine, fault = pcall (look)
    busy = false
    if not fine then print ("Jukebox Studio: " .. sentence_of (fault)) end
  end
end
