-- What the scripts for REAPER do. Needs common.lua and `reaper`.

local extension = "jukebox_studio"
local glue_items = 40362 -- "Item: Glue items, ignoring time selection"
local build_peaks = 40047 -- "Peaks: Build any missing peaks", in the background

-- Another each time, in all scripts that run at once.
local function stamp ()
  return string.format ("%x-%x", os.time (), math.floor (reaper.time_precise () * 1e6) % 1048576)
end

local function nearest (number) return math.floor (number + 0.5) end

-- Samples per second of the timeline: the project's, else the sound card's.
local function timeline_rate ()
  if reaper.GetSetProjectInfo (0, "PROJECT_SRATE_USE", 0, false) > 0 then
    return nearest (reaper.GetSetProjectInfo (0, "PROJECT_SRATE", 0, false))
  end
  local known, rate = reaper.GetAudioDeviceInfo ("SRATE")
  return known and math.tointeger (tonumber (rate)) or 48000
end

-- Tempo and meters ----------------------------------------------------------------------------

local function quarter (seconds) return reaper.TimeMap2_timeToQN (0, seconds) end

local function song_time ()
  local numerator, denominator, tempo = reaper.TimeMap_GetTimeSigAtTime (0, 0)
  local tempos, meters = {}, { string.format ("0:%d/%d", numerator, denominator) }
  local points = { { seconds = 0, tempo = tempo, glides = false } }
  for i = 0, reaper.CountTempoTimeSigMarkers (0) - 1 do
    local _, seconds, measure, _, marker_tempo, beats, unit, glides =
      reaper.GetTempoTimeSigMarker (0, i)
    local point = { seconds = seconds, tempo = marker_tempo, glides = glides }
    points[seconds <= 0 and 1 or #points + 1] = point
    if beats > 0 then
      meters[measure <= 0 and 1 or #meters + 1] = string.format ("%d:%d/%d", measure, beats, unit)
    end
  end
  for i, point in ipairs (points) do
    local following = points[i + 1]
    local entry = string.format ("%.12f:", quarter (point.seconds))
    -- From the quarter notes themselves: what a beat is depends on the meter.
    local until_seconds = following and following.seconds or point.seconds + 60
    local quarters = quarter (until_seconds) - quarter (point.seconds)
    local mean = 60 * quarters / (until_seconds - point.seconds)
    if point.glides and following then
      local unit = mean / ((point.tempo + following.tempo) / 2)
      if math.abs (unit - 1) < 1e-9 then unit = 1 end
      entry = string.format (
        "%s%.12f>%.12f@seconds", entry, point.tempo * unit, following.tempo * unit
      )
    else
      entry = string.format ("%s%.12f", entry, mean)
    end
    tempos[i] = entry
  end
  tempos[1] = tempos[1]:gsub ("^[^:]*", "0", 1)
  return table.concat (tempos, " "), table.concat (meters, " ")
end

-- The song from the marker =START, or 0, to =END, or the project's end; and the words of markers
-- in a stretch whose names begin with "lyrics:".
local function markers (start, stop)
  local song_start, song_end = 0, reaper.GetProjectLength (0)
  local lines = {}
  for i = 0, reaper.CountProjectMarkers (0) - 1 do
    local _, is_region, seconds, _, name = reaper.EnumProjectMarkers (i)
    local words = name:match ("^[Ll]yrics:%s*(.*)")
    if words and seconds >= start and seconds < stop then lines[#lines + 1] = words end
    if name == "=START" and not is_region then song_start = seconds end
    if name == "=END" and not is_region then song_end = seconds end
  end
  return song_start, song_end, table.concat (lines, "\n")
end

-- Sending -------------------------------------------------------------------------------------

-- The selected items; where there are none, those on selected tracks within the time selection.
local function chosen_items (from, to)
  local items = {}
  for i = 0, reaper.CountSelectedMediaItems (0) - 1 do
    items[#items + 1] = reaper.GetSelectedMediaItem (0, i)
  end
  if #items > 0 or to <= from then return items end
  for i = 0, reaper.CountSelectedTracks (0) - 1 do
    local track = reaper.GetSelectedTrack (0, i)
    for j = 0, reaper.CountTrackMediaItems (track) - 1 do
      items[#items + 1] = reaper.GetTrackMediaItem (track, j)
    end
  end
  return items
end

-- Where an item lies, cut to the time selection if there is one; nil where nothing is left.
local function stretch_of (item, from, to)
  local start = reaper.GetMediaItemInfo_Value (item, "D_POSITION")
  local stop = start + reaper.GetMediaItemInfo_Value (item, "D_LENGTH")
  local begin, finish = start, stop
  if to > from then begin, finish = math.max (start, from), math.min (stop, to) end
  if finish <= begin then return nil end
  return begin, finish, begin - start
end

local clips_sent = 0

local function send_item (where, sender, item, from, to)
  local start, stop, into = stretch_of (item, from, to)
  local take = start and reaper.GetActiveTake (item)
  if not take or reaper.TakeIsMIDI (take) then return false end
  local name = reaper.GetTakeName (take)
  local source = reaper.GetMediaItemTake_Source (take)
  -- A section or reversed source has the file's source as its parent.
  local plain = reaper.GetMediaSourceParent (source) == nil
  local rate = math.tointeger (nearest (reaper.GetMediaSourceSampleRate (source)))
  local file_seconds = reaper.GetMediaSourceLength (source)
  local offset = reaper.GetMediaItemTakeInfo_Value (take, "D_STARTOFFS") + into
  plain = plain
    and reaper.GetMediaItemTakeInfo_Value (take, "D_PLAYRATE") == 1
    and reaper.GetMediaItemTakeInfo_Value (take, "D_PITCH") == 0
    and reaper.GetMediaItemTakeInfo_Value (take, "I_CHANMODE") == 0
    and reaper.GetTakeNumStretchMarkers (take) == 0
    and offset >= 0
    and offset + (stop - start) <= file_seconds + 1 / rate
  assert (
    plain,
    string.format (
      "%s is stretched, pitched, looped, reversed or has its channels changed; use 'Send glued' "
        .. "for it.", name
    )
  )
  local timeline = timeline_rate ()
  local tempo, meters = song_time ()
  local song_start, song_end, lyrics = markers (start, stop)
  local first = nearest (offset * rate)
  local length = math.min (nearest ((stop - start) * rate), nearest (file_seconds * rate) - first)
  local _, track = reaper.GetTrackName (reaper.GetMediaItemTrack (item))
  clips_sent = clips_sent + 1
  say (where, sender, "clip", {
    clip = string.format ("item-%s-%d", stamp (), clips_sent),
    path = reaper.GetMediaSourceFileName (source),
    start_samples = first,
    length_samples = length,
    rate_hz = rate,
    position_samples = nearest (start * timeline),
    timeline_rate_hz = timeline,
    tempo = tempo,
    meters = meters,
    song_start_samples = song_end > song_start and nearest (song_start * timeline) or -1,
    song_end_samples = song_end > song_start and nearest (song_end * timeline) or -1,
    track = track,
    name = name,
    lyrics = lyrics,
  })
  return true
end

local function send (glued)
  local where = program ()
  assert (where, "Jukebox Studio does not run; start it and send again.")
  local sender = reaper.GetExtState (extension, "sender")
  assert (
    sender ~= "" and math.tointeger (reaper.GetExtState (extension, "pid")) == where.pid,
    "REAPER has not found Jukebox Studio yet: run the action 'jukebox_studio_insert.lua', wait a "
      .. "second and send again."
  )
  local from, to = reaper.GetSet_LoopTimeRange (false, false, 0, 0, false)
  local sent = 0
  if glued then
    reaper.Undo_BeginBlock ()
    reaper.Main_OnCommand (glue_items, 0)
  end
  local fine, fault = pcall (function ()
    for _, item in ipairs (chosen_items (from, to)) do
      if send_item (where, sender, item, from, to) then sent = sent + 1 end
    end
  end)
  if glued then
    -- The glued file stays on the disk; the project is as it was.
    reaper.Undo_EndBlock ("Jukebox Studio: send glued", -1)
    reaper.Undo_DoUndo2 (0)
  end
  assert (fine, fault)
  assert (sent > 0, "Select one or more audio items, or tracks and a time selection, then send.")
end

local function tell (sentence) reaper.ShowMessageBox (sentence, "Jukebox Studio", 0) end

local function sending (glued)
  local fine, fault = pcall (send, glued)
  if not fine then tell (sentence_of (fault)) end
end

-- Inserting -----------------------------------------------------------------------------------

local function track_named (name)
  for i = 0, reaper.CountTracks (0) - 1 do
    local track = reaper.GetTrack (0, i)
    local _, found = reaper.GetTrackName (track)
    if name ~= "" and found == name then return track end
  end
  local last = reaper.CountTracks (0)
  reaper.InsertTrackAtIndex (last, true)
  local track = reaper.GetTrack (0, last)
  reaper.GetSetMediaTrackInfo_String (track, "P_NAME", name ~= "" and name or "Jukebox Studio", true)
  return track
end

local function insert (values)
  local source = reaper.PCM_Source_CreateFromFile (values.path)
  assert (source, "REAPER cannot open " .. values.path .. ".")
  local seconds = reaper.GetMediaSourceLength (source)
  local item = reaper.AddMediaItemToTrack (track_named (values.track))
  local take = reaper.AddTakeToMediaItem (item)
  reaper.SetMediaItemTake_Source (take, source)
  reaper.GetSetMediaItemTakeInfo_String (take, "P_NAME", values.name, true)
  local position = values.position_samples / values.timeline_rate_hz
  reaper.SetMediaItemInfo_Value (item, "D_POSITION", position)
  reaper.SetMediaItemInfo_Value (item, "D_LENGTH", seconds)
  -- REAPER fades new items in and out otherwise, and the joint would be heard.
  reaper.SetMediaItemInfo_Value (item, "D_FADEINLEN", 0)
  reaper.SetMediaItemInfo_Value (item, "D_FADEOUTLEN", 0)
  reaper.UpdateItemInProject (item)
  reaper.Main_OnCommand (build_peaks, 0)
end

local function insert_undoable (values)
  reaper.Undo_BeginBlock ()
  local fine, fault = pcall (insert, values)
  reaper.Undo_EndBlock ("Insert from Jukebox Studio", -1)
  reaper.UpdateArrange ()
  assert (fine, fault)
end

-- Runs in the background and does once a second what the program asks for.
local function listening ()
  local next_look = 0
  local look, sender = correspondence ({
    name = "REAPER",
    version = reaper.GetAppVersion (),
    new_sender = function () return "reaper-" .. stamp () end,
    greeted = function (where, name)
      reaper.SetExtState (extension, "sender", name, false)
      reaper.SetExtState (extension, "pid", string.format ("%d", where.pid), false)
    end,
    insert = insert_undoable,
    fetch = function () sending (false) end,
    tell = tell,
    ring = function () end, -- it has no sockets
  })

  local function again ()
    if reaper.time_precise () >= next_look then
      next_look = reaper.time_precise () + 1
      local fine, fault = pcall (look)
      if not fine then reaper.ShowConsoleMsg ("Jukebox Studio: " .. sentence_of (fault) .. "\n") end
    end
    reaper.defer (again)
  end

  reaper.atexit (function ()
    local where = sender () and program ()
    if where then pcall (say, where, sender (), "goodbye", {}) end
  end)
  again ()
end
