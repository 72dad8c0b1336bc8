<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE TS>
<TS version="2.1" language="de">
<context>
    <name>Amount</name>
    <message>
        <source>{0}, as a number</source>
        <translation>{0}, als Zahl</translation>
    </message>
</context>
<context>
    <name>Audition</name>
    <message>
        <source>The DAW plays at {daw} BPM and the clip is at {clip} BPM. What plays here is not stretched, so the two drift apart.</source>
        <translation>Die DAW spielt mit {daw} BPM, der Clip hat {clip} BPM. Was hier spielt, wird nicht gedehnt, also laufen die beiden auseinander.</translation>
    </message>
</context>
<context>
    <name>Background</name>
    <message>
        <source>The program ends, so nothing new was begun.</source>
        <translation>Das Programm endet, also wurde nichts Neues begonnen.</translation>
    </message>
    <message>
        <source>Something went wrong that should not: {fault}.</source>
        <translation>Etwas ging schief, das nicht schiefgehen sollte: {fault}.</translation>
    </message>
</context>
<context>
    <name>BlendEditor</name>
    <message>
        <source>Blend</source>
        <translation>Mischung</translation>
    </message>
    <message>
        <source>How much of the one and of the other</source>
        <translation>Wie viel vom einen und vom anderen</translation>
    </message>
    <message>
        <source>From {0} to {1}</source>
        <translation>Von {0} zu {1}</translation>
    </message>
    <message>
        <source>Weight of {0}</source>
        <translation>Gewicht von {0}</translation>
    </message>
    <message>
        <source>How much of it, beside the others; 0 is none</source>
        <translation>Wie viel davon, neben den anderen; 0 ist nichts</translation>
    </message>
    <message>
        <source>Remove {0}</source>
        <translation>{0} entfernen</translation>
    </message>
    <message>
        <source>Take it out of the blend</source>
        <translation>Aus der Mischung nehmen</translation>
    </message>
    <message>
        <source>How much of it, beside the others</source>
        <translation>Wie viel davon, neben den anderen</translation>
    </message>
</context>
<context>
    <name>BlendPad</name>
    <message>
        <source>Style pad</source>
        <translation>Stilfläche</translation>
    </message>
    <message>
        <source>Drag towards the artists you want more of, or use the arrow keys</source>
        <translation>Zu den Künstlern ziehen, von denen mehr zu hören sein soll, oder mit den Pfeiltasten</translation>
    </message>
</context>
<context>
    <name>ClipInbox</name>
    <message>
        <source>Add audio files</source>
        <translation>Audiodateien hinzufügen</translation>
    </message>
    <message>
        <source>Clips</source>
        <translation>Clips</translation>
    </message>
    <message>
        <source>Drop an audio file here,
or send a region from your DAW.</source>
        <translation>Eine Audiodatei hierher ziehen
oder eine Region aus der DAW senden.</translation>
    </message>
    <message>
        <source> BPM</source>
        <translation> BPM</translation>
    </message>
    <message>
        <source>Tempo of the clip</source>
        <translation>Tempo des Clips</translation>
    </message>
    <message>
        <source>Meter of the clip</source>
        <translation>Taktart des Clips</translation>
    </message>
    <message>
        <source>Half the tempo</source>
        <translation>Halbes Tempo</translation>
    </message>
    <message>
        <source>Twice the tempo</source>
        <translation>Doppeltes Tempo</translation>
    </message>
    <message>
        <source>Yes, that is the tempo</source>
        <translation>Ja, das ist das Tempo</translation>
    </message>
    <message>
        <source>The DAW&apos;s tempo map counts.</source>
        <translation>Es gilt der Tempoverlauf der DAW.</translation>
    </message>
    <message>
        <source>Rename</source>
        <translation>Umbenennen</translation>
    </message>
    <message>
        <source>Remove from the project</source>
        <translation>Aus dem Projekt entfernen</translation>
    </message>
</context>
<context>
    <name>Controls</name>
    <message>
        <source>Empty this field</source>
        <translation>Dieses Feld leeren</translation>
    </message>
</context>
<context>
    <name>DawLink</name>
    <message>
        <source>Ableton Link cannot be used: {error}</source>
        <translation>Ableton Link geht nicht: {error}</translation>
    </message>
    <message>
        <source>The MIDI map is not kept: {error}</source>
        <translation>Die MIDI-Zuordnung wird nicht gespeichert: {error}</translation>
    </message>
    <message>
        <source>The DAW link is off; turn it on in the settings.</source>
        <translation>Die Verbindung zur DAW ist aus; in den Einstellungen einschalten.</translation>
    </message>
    <message>
        <source>listening on port {port}</source>
        <translation>hört an Port {port}</translation>
    </message>
    <message>
        <source>No DAW is linked ({port}). {note}</source>
        <translation>Keine DAW ist verbunden ({port}). {note}</translation>
    </message>
    <message>
        <source>Linked: {names} ({port}).</source>
        <translation>Verbunden: {names} ({port}).</translation>
    </message>
    <message>
        <source>{daw} does not answer any more.</source>
        <translation>{daw} antwortet nicht mehr.</translation>
    </message>
    <message>
        <source>{sentence} Start the script in your DAW, or drag and drop.</source>
        <translation>{sentence} In der DAW das Skript starten oder mit der Maus ziehen.</translation>
    </message>
</context>
<context>
    <name>DawWishes</name>
    <message>
        <source>{daw} sent {clip} again; it is here already.</source>
        <translation>{daw} hat {clip} noch einmal geschickt; er ist schon da.</translation>
    </message>
    <message>
        <source>{daw} sent {clip}.</source>
        <translation>{daw} hat {clip} gesendet.</translation>
    </message>
</context>
<context>
    <name>Diagnostics</name>
    <message>
        <source>There is no log: {0} cannot be written ({1}).</source>
        <translation>Es gibt kein Protokoll: {0} kann nicht geschrieben werden ({1}).</translation>
    </message>
</context>
<context>
    <name>Draft</name>
    <message>
        <source>There is no clip yet; send one from your DAW or drop a file here.</source>
        <translation>Es gibt noch keinen Clip; aus der DAW senden oder eine Datei hierher ziehen.</translation>
    </message>
    <message>
        <source>No model is chosen; choose one, or import one on the models page.</source>
        <translation>Kein Modell ist gewählt; eines wählen oder auf der Seite der Modelle importieren.</translation>
    </message>
    <message>
        <source>The seed is empty; type a whole number, or unlock it for a new one.</source>
        <translation>Der Startwert ist leer; eine ganze Zahl eingeben oder ihn freigeben.</translation>
    </message>
    <message>
        <source>The selection lies outside the clip; select a part of it.</source>
        <translation>Die Auswahl liegt außerhalb des Clips; einen Teil von ihm auswählen.</translation>
    </message>
    <message>
        <source>Nothing is selected; select in the timeline what to sing again.</source>
        <translation>Nichts ist ausgewählt; auf der Zeitachse auswählen, was neu gesungen werden soll.</translation>
    </message>
    <message>
        <source>Nothing is selected; select in the timeline what to make anew.</source>
        <translation>Nichts ist ausgewählt; auf der Zeitachse auswählen, was neu gemacht werden soll.</translation>
    </message>
    <message>
        <source>{0} does not know words; choose a model that sings to sing new ones.</source>
        <translation>{0} kennt keine Worte; für neue ein Modell wählen, das singt.</translation>
    </message>
    <message>
        <source>There are no new words; type what is to be sung.</source>
        <translation>Es gibt keine neuen Worte; eingeben, was gesungen werden soll.</translation>
    </message>
    <message>
        <source>There are no new words; type what is to be sung, or choose that nobody sings.</source>
        <translation>Es gibt keine neuen Worte; eingeben, was gesungen werden soll, oder „Niemand singt“ wählen.</translation>
    </message>
    <message numerus="yes">
        <source>%n letters in {seconds} s are more than anybody can sing; shorten the words or select more music.</source>
        <translation>
            <numerusform>%n Buchstabe in {seconds} s ist mehr, als jemand singen kann; die Worte kürzen oder mehr Musik auswählen.</numerusform>
            <numerusform>%n Buchstaben in {seconds} s sind mehr, als jemand singen kann; die Worte kürzen oder mehr Musik auswählen.</numerusform>
        </translation>
    </message>
    <message>
        <source>The result would last {asked} s; {model} knows songs up to {longest} s. Ask for less at a time.</source>
        <translation>Das Ergebnis würde {asked} s dauern; {model} kennt Songs bis {longest} s. Weniger auf einmal verlangen.</translation>
    </message>
    <message>
        <source>An upsampling has no settings of its own; choose what it came from.</source>
        <translation>Ein Verfeinern hat keine eigenen Einstellungen; wählen, woraus es entstand.</translation>
    </message>
    <message>
        <source>{asked} and the rest of the begun bar = {seconds}</source>
        <translation>{asked} und der Rest des begonnenen Takts = {seconds}</translation>
    </message>
    <message>
        <source>{length}, ends on {place}</source>
        <translation>{length}, endet auf {place}</translation>
    </message>
    <message>
        <source>The whole clip again: {length}, {first} to {last}</source>
        <translation>Der ganze Clip noch einmal: {length}, {first} bis {last}</translation>
    </message>
    <message>
        <source>{0} to {1}</source>
        <translation>{0} bis {1}</translation>
    </message>
    <message>
        <source>{made} s of {whole} sung again: {where}</source>
        <translation>{made} s von {whole} neu gesungen: {where}</translation>
    </message>
    <message>
        <source>{made} s of {whole} made anew: {where}</source>
        <translation>{made} s von {whole} neu gemacht: {where}</translation>
    </message>
    <message>
        <source>1 bar</source>
        <translation>1 Takt</translation>
    </message>
    <message>
        <source>{0} bars</source>
        <translation>{0} Takte</translation>
    </message>
    <message>
        <source>1 beat</source>
        <translation>1 Schlag</translation>
    </message>
    <message>
        <source>{0} beats</source>
        <translation>{0} Schläge</translation>
    </message>
    <message>
        <source>1 second</source>
        <translation>1 Sekunde</translation>
    </message>
    <message>
        <source>{0} seconds</source>
        <translation>{0} Sekunden</translation>
    </message>
    <message>
        <source>bar {0}</source>
        <translation>Takt {0}</translation>
    </message>
    <message>
        <source>bar {0}, beat {1}</source>
        <translation>Takt {0}, Schlag {1}</translation>
    </message>
    <message>
        <source>No artist or genre is chosen: the model picks a style of its own.</source>
        <translation>Kein Künstler oder Genre ist gewählt: das Modell nimmt einen eigenen Stil.</translation>
    </message>
    <message>
        <source>{0} does not know {1}: `unknown` is used.</source>
        <translation>{0} kennt {1} nicht: `unknown` wird genommen.</translation>
    </message>
    <message>
        <source>{0} knows no artists and genres: the style is left out.</source>
        <translation>{0} kennt keine Künstler und Genres: der Stil bleibt weg.</translation>
    </message>
    <message>
        <source>Guidance towards the style, 1 to 2, makes an artist heard more clearly.</source>
        <translation>Führung zum Stil hin, 1 bis 2, macht einen Künstler deutlicher hörbar.</translation>
    </message>
    <message>
        <source>{0} does not know words: they are left out.</source>
        <translation>{0} kennt keine Worte: sie bleiben weg.</translation>
    </message>
    <message>
        <source>{0} does not know words, so guiding towards them does nothing.</source>
        <translation>{0} kennt keine Worte, also bewirkt die Führung zu ihnen nichts.</translation>
    </message>
    <message>
        <source>{0} was not trained with labels left out: guidance is a contrast there, and nobody has shown what it is worth.</source>
        <translation>{0} wurde nicht mit weggelassenen Angaben trainiert: Führung ist dort ein Kontrast, dessen Wert niemand gezeigt hat.</translation>
    </message>
</context>
<context>
    <name>Fold</name>
    <message>
        <source>open</source>
        <translation>offen</translation>
    </message>
    <message>
        <source>closed</source>
        <translation>geschlossen</translation>
    </message>
</context>
<context>
    <name>KeysPage</name>
    <message>
        <source>Keys</source>
        <translation>Tasten</translation>
    </message>
    <message>
        <source>Search what it does, or a key</source>
        <translation>Nach Wirkung oder Taste suchen</translation>
    </message>
    <message>
        <source>Search keys</source>
        <translation>Tasten suchen</translation>
    </message>
    <message>
        <source>What it does</source>
        <translation>Was sie tut</translation>
    </message>
    <message>
        <source>Key</source>
        <translation>Taste</translation>
    </message>
    <message>
        <source>New key for the chosen line</source>
        <translation>Neue Taste für die gewählte Zeile</translation>
    </message>
    <message>
        <source>No key</source>
        <translation>Keine Taste</translation>
    </message>
    <message>
        <source>Usual key</source>
        <translation>Übliche Taste</translation>
    </message>
    <message>
        <source>Key for the chosen line:</source>
        <translation>Taste für die gewählte Zeile:</translation>
    </message>
    <message>
        <source>{key} is taken by “{other}”; give that another key first.</source>
        <translation>{key} gehört schon zu „{other}“; dort zuerst eine andere Taste wählen.</translation>
    </message>
</context>
<context>
    <name>LevelControls</name>
    <message>
        <source>coarsest</source>
        <translation>gröbste</translation>
    </message>
    <message>
        <source>finest</source>
        <translation>feinste</translation>
    </message>
    <message>
        <source>level {0}</source>
        <translation>Ebene {0}</translation>
    </message>
    <message>
        <source>Level {0}</source>
        <translation>Ebene {0}</translation>
    </message>
    <message>
        <source>Settings of its own for {0}</source>
        <translation>Eigene Einstellungen für {0}</translation>
    </message>
    <message>
        <source>Draw this level otherwise than the others</source>
        <translation>Diese Ebene anders ziehen als die übrigen</translation>
    </message>
    <message>
        <source>With this model: {0}</source>
        <translation>Bei diesem Modell: {0}</translation>
    </message>
</context>
<context>
    <name>LyricsEditor</name>
    <message>
        <source>Leave it open</source>
        <translation>Offen lassen</translation>
    </message>
    <message>
        <source>These words</source>
        <translation>Diese Worte</translation>
    </message>
    <message>
        <source>Nobody sings</source>
        <translation>Niemand singt</translation>
    </message>
    <message>
        <source>What is sung</source>
        <translation>Was gesungen wird</translation>
    </message>
    <message>
        <source>Leave it to the model, give it words, or ask for music without a voice</source>
        <translation>Dem Modell überlassen, Worte vorgeben oder Musik ohne Stimme verlangen</translation>
    </message>
    <message>
        <source>Words sung now</source>
        <translation>Bisherige Worte</translation>
    </message>
    <message>
        <source>What the selection sings so far; its syllables are compared with the new</source>
        <translation>Was in der Auswahl bisher gesungen wird; die Silben werden mit den neuen verglichen</translation>
    </message>
    <message>
        <source>What is sung there now</source>
        <translation>Was dort bisher gesungen wird</translation>
    </message>
    <message>
        <source>New words</source>
        <translation>Neue Worte</translation>
    </message>
    <message>
        <source>What is to be sung; the number beside a line counts its syllables</source>
        <translation>Was gesungen werden soll; die Zahl neben einer Zeile zählt ihre Silben</translation>
    </message>
    <message>
        <source>Type the new words</source>
        <translation>Die neuen Worte eingeben</translation>
    </message>
    <message>
        <source>Words before</source>
        <translation>Worte davor</translation>
    </message>
    <message>
        <source>What is sung before the selection; the model goes on from it</source>
        <translation>Was vor der Auswahl gesungen wird; das Modell knüpft daran an</translation>
    </message>
    <message>
        <source>Sung before the selection</source>
        <translation>Vor der Auswahl gesungen</translation>
    </message>
    <message>
        <source>Words after</source>
        <translation>Worte danach</translation>
    </message>
    <message>
        <source>What is sung after the selection; the model leads on to it</source>
        <translation>Was nach der Auswahl gesungen wird; das Modell führt darauf hin</translation>
    </message>
    <message>
        <source>Sung after the selection</source>
        <translation>Nach der Auswahl gesungen</translation>
    </message>
    <message>
        <source>Words as they are sung</source>
        <translation>Worte, wie sie gesungen werden</translation>
    </message>
    <message>
        <source>Click a word to go to where it is sung; Tab goes from word to word</source>
        <translation>Ein Klick auf ein Wort führt dorthin, wo es gesungen wird; Tab geht von Wort zu Wort</translation>
    </message>
    <message>
        <source>Take old words from the selection</source>
        <translation>Alte Worte aus der Auswahl nehmen</translation>
    </message>
    <message>
        <source>Fill in the words before, in and after the selection as they are sung</source>
        <translation>Die Worte vor, in und nach der Auswahl einsetzen, wie sie gesungen werden</translation>
    </message>
    <message>
        <source>Moment of the words</source>
        <translation>Zeitpunkt der Worte</translation>
    </message>
    <message>
        <source>Show which words the model sees while it makes this moment</source>
        <translation>Zeigt, welche Worte das Modell sieht, während es diesen Moment erzeugt</translation>
    </message>
    <message>
        <source>Sung now</source>
        <translation>Bisher gesungen</translation>
    </message>
    <message>
        <source>Words before and after</source>
        <translation>Worte davor und danach</translation>
    </message>
    <message>
        <source>What is sung around the selection, for the model to go on from</source>
        <translation>Was um die Auswahl herum gesungen wird, damit das Modell anknüpfen kann</translation>
    </message>
    <message>
        <source>{0} does not sing.</source>
        <translation>{0} singt nicht.</translation>
    </message>
    <message>
        <source>The model sees all {0} characters here.</source>
        <translation>Das Modell sieht hier alle {0} Zeichen.</translation>
    </message>
    <message>
        <source>Here the model sees only the words around these.</source>
        <translation>Hier sieht das Modell nur die Worte um diese herum.</translation>
    </message>
    <message>
        <source>Here the model sees characters {0} to {1} of {2}.</source>
        <translation>Hier sieht das Modell die Zeichen {0} bis {1} von {2}.</translation>
    </message>
    <message>
        <source>It sees up to {0} characters at a time</source>
        <translation>Es sieht bis zu {0} Zeichen auf einmal</translation>
    </message>
    <message>
        <source>The model cannot sing these: {0}</source>
        <translation>Das Modell kann diese nicht singen: {0}</translation>
    </message>
</context>
<context>
    <name>MainWindow</name>
    <message>
        <source>Welcome. This is a clip of music; press Generate to go on from it.</source>
        <translation>Willkommen. Das ist ein Clip mit Musik; „Erzeugen“ führt ihn weiter.</translation>
    </message>
    <message>
        <source>Show me around</source>
        <translation>Rundgang</translation>
    </message>
    <message>
        <source>Another project …</source>
        <translation>Anderes Projekt …</translation>
    </message>
    <message>
        <source>Drop a clip here, or send one from your DAW.</source>
        <translation>Einen Clip hierher ziehen oder aus der DAW senden.</translation>
    </message>
    <message>
        <source>The program ended while a render ran. What was finished of it is kept; it goes on from there.</source>
        <translation>Das Programm endete, während etwas erzeugt wurde. Was davon fertig war, ist erhalten; von dort geht es weiter.</translation>
    </message>
    <message>
        <source>Resume</source>
        <translation>Fortfahren</translation>
    </message>
    <message>
        <source>No project is open. Choose one with Project, Open a project …</source>
        <translation>Kein Projekt ist offen. Eines wählen mit Projekt, Projekt öffnen …</translation>
    </message>
    <message>
        <source>Open a project</source>
        <translation>Projekt öffnen</translation>
    </message>
    <message>
        <source>New song</source>
        <translation>Neuer Song</translation>
    </message>
    <message>
        <source>New project</source>
        <translation>Neues Projekt</translation>
    </message>
    <message>
        <source>Add audio files</source>
        <translation>Audiodateien hinzufügen</translation>
    </message>
    <message>
        <source>Audio</source>
        <translation>Audio</translation>
    </message>
    <message>
        <source>Going on from {name}</source>
        <translation>Weiter von {name}</translation>
    </message>
    <message>
        <source>There is no model yet; choose one on the models page.</source>
        <translation>Es gibt noch kein Modell; auf der Seite der Modelle eines wählen.</translation>
    </message>
    <message>
        <source>{name} is not for commercial use. Read its licence and accept it first.</source>
        <translation>{name} ist nicht für kommerzielle Nutzung. Bitte zuerst die Lizenz lesen und annehmen.</translation>
    </message>
    <message>
        <source>Read the licence</source>
        <translation>Lizenz lesen</translation>
    </message>
    <message>
        <source>Ask with the same settings</source>
        <translation>Mit denselben Einstellungen fragen</translation>
    </message>
    <message>
        <source>No variant is chosen; click one first.</source>
        <translation>Keine Variante ist gewählt; zuerst eine anklicken.</translation>
    </message>
    <message>
        <source>There is no model that can be used, so nothing can be rendered.</source>
        <translation>Es gibt kein brauchbares Modell, also kann nichts erzeugt werden.</translation>
    </message>
    <message>
        <source>Models</source>
        <translation>Modelle</translation>
    </message>
    <message>
        <source>Something went wrong in the window: {fault}. Nothing is lost.</source>
        <translation>Im Fenster ging etwas schief: {fault}. Nichts ist verloren.</translation>
    </message>
    <message>
        <source>Copy diagnostics</source>
        <translation>Diagnose kopieren</translation>
    </message>
    <message>
        <source>No project is open; make a new one or open one first.</source>
        <translation>Kein Projekt ist offen; zuerst ein neues anlegen oder eines öffnen.</translation>
    </message>
</context>
<context>
    <name>Menus</name>
    <message>
        <source>&amp;Project</source>
        <translation>&amp;Projekt</translation>
    </message>
    <message>
        <source>&amp;Recent</source>
        <translation>&amp;Zuletzt geöffnet</translation>
    </message>
    <message>
        <source>&amp;Edit</source>
        <translation>&amp;Bearbeiten</translation>
    </message>
    <message>
        <source>&amp;Variant</source>
        <translation>&amp;Variante</translation>
    </message>
    <message>
        <source>&amp;Listen</source>
        <translation>&amp;Hören</translation>
    </message>
    <message>
        <source>&amp;Queue</source>
        <translation>&amp;Warteschlange</translation>
    </message>
    <message>
        <source>V&amp;iew</source>
        <translation>&amp;Ansicht</translation>
    </message>
    <message>
        <source>&amp;Help</source>
        <translation>Hi&amp;lfe</translation>
    </message>
</context>
<context>
    <name>Message</name>
    <message>
        <source>Close</source>
        <translation>Schließen</translation>
    </message>
    <message>
        <source>Close this message</source>
        <translation>Diese Meldung schließen</translation>
    </message>
</context>
<context>
    <name>MessageBar</name>
    <message>
        <source>Messages</source>
        <translation>Meldungen</translation>
    </message>
</context>
<context>
    <name>MidiPage</name>
    <message>
        <source>Generate</source>
        <translation>Erzeugen</translation>
    </message>
    <message>
        <source>Cancel what renders</source>
        <translation>Abbrechen, was rechnet</translation>
    </message>
    <message>
        <source>Next variant</source>
        <translation>Nächste Variante</translation>
    </message>
    <message>
        <source>Previous variant</source>
        <translation>Vorige Variante</translation>
    </message>
    <message>
        <source>Play</source>
        <translation>Abspielen</translation>
    </message>
    <message>
        <source>Stop</source>
        <translation>Anhalten</translation>
    </message>
    <message>
        <source>Rate, 0 to 5 stars</source>
        <translation>Bewerten, 0 bis 5 Sterne</translation>
    </message>
    <message>
        <source>Blend of two artists</source>
        <translation>Mischung zweier Künstler</translation>
    </message>
    <message>
        <source>Keep</source>
        <translation>Bewahren</translation>
    </message>
    <message>
        <source>Hear variant {n}</source>
        <translation>Variante {n} hören</translation>
    </message>
    <message>
        <source>What is done</source>
        <translation>Was geschieht</translation>
    </message>
    <message>
        <source>Note or controller</source>
        <translation>Note oder Regler</translation>
    </message>
    <message>
        <source>What notes and controllers do</source>
        <translation>Was Noten und Regler tun</translation>
    </message>
    <message>
        <source>Choose a line, press Learn, then play the note or move the controller</source>
        <translation>Eine Zeile wählen, „Lernen“ drücken, dann die Note spielen oder den Regler bewegen</translation>
    </message>
    <message>
        <source>&amp;Learn</source>
        <translation>&amp;Lernen</translation>
    </message>
    <message>
        <source>&amp;Forget</source>
        <translation>&amp;Vergessen</translation>
    </message>
    <message>
        <source>waiting …</source>
        <translation>wartet …</translation>
    </message>
    <message>
        <source>MIDI is off; turn it on under DAW and MIDI.</source>
        <translation>MIDI ist aus; unter „DAW und MIDI“ einschalten.</translation>
    </message>
    <message>
        <source>Looking for MIDI inputs …</source>
        <translation>Suche nach MIDI-Eingängen …</translation>
    </message>
    <message>
        <source>Choose a line, press Learn, and move what is to do it.</source>
        <translation>Eine Zeile wählen, „Lernen“ drücken und bewegen, was es tun soll.</translation>
    </message>
    <message>
        <source>Play a note or move a controller for: {what}.</source>
        <translation>Eine Note spielen oder einen Regler bewegen für: {what}.</translation>
    </message>
</context>
<context>
    <name>Models</name>
    <message>
        <source>Yes, commercially too.</source>
        <translation>Ja, auch kommerziell.</translation>
    </message>
    <message>
        <source>The model itself is under {licence}: whoever passes the model on does so under the same licence. A clip that you start from has a licence of its own, which counts for what continues it.</source>
        <translation>Das Modell selbst steht unter {licence}: wer es weitergibt, tut das unter derselben Lizenz. Ein Clip, von dem ausgegangen wird, hat eine eigene Lizenz, die für seine Fortsetzung zählt.</translation>
    </message>
    <message>
        <source>Yes, but not commercially: neither the model nor what it makes may be sold or used in something that is.</source>
        <translation>Ja, aber nicht kommerziell: weder das Modell noch was es macht darf verkauft oder in etwas Verkauftem verwendet werden.</translation>
    </message>
    <message>
        <source>You must say: “{words}”</source>
        <translation>Dazu gehört der Satz: „{words}“</translation>
    </message>
    <message>
        <source>artists and genres</source>
        <translation>Künstler und Genres</translation>
    </message>
    <message>
        <source>lyrics: it sings</source>
        <translation>Worte: es singt</translation>
    </message>
    <message>
        <source>What it knows</source>
        <translation>Was es kennt</translation>
    </message>
    <message>
        <source>music alone: no artists, no words</source>
        <translation>nur Musik: keine Künstler, keine Worte</translation>
    </message>
    <message>
        <source>Sound</source>
        <translation>Klang</translation>
    </message>
    <message>
        <source>{rate} samples a second, {levels} levels</source>
        <translation>{rate} Samples je Sekunde, {levels} Ebenen</translation>
    </message>
    <message>
        <source>Best drawn</source>
        <translation>Am besten gezogen</translation>
    </message>
    <message>
        <source>level {0} at {1}</source>
        <translation>Ebene {0} mit {1}</translation>
    </message>
    <message>
        <source>On disk</source>
        <translation>Auf der Platte</translation>
    </message>
    <message>
        <source>In memory</source>
        <translation>Im Speicher</translation>
    </message>
    <message>
        <source>{memory} for {n} variants</source>
        <translation>{memory} für {n} Varianten</translation>
    </message>
    <message>
        <source>Made of</source>
        <translation>Gemacht aus</translation>
    </message>
    <message>
        <source>Where</source>
        <translation>Wo</translation>
    </message>
</context>
<context>
    <name>ModelsPage</name>
    <message>
        <source>Models</source>
        <translation>Modelle</translation>
    </message>
    <message>
        <source>Installed models</source>
        <translation>Installierte Modelle</translation>
    </message>
    <message>
        <source>Import</source>
        <translation>Import</translation>
    </message>
    <message>
        <source>Cancel</source>
        <translation>Abbrechen</translation>
    </message>
    <message>
        <source>Import checkpoints …</source>
        <translation>Checkpoints importieren …</translation>
    </message>
    <message>
        <source>A folder with OpenAI&apos;s .pth.tar files, or one from Hugging Face</source>
        <translation>Ein Ordner mit OpenAIs .pth.tar-Dateien oder einer von Hugging Face</translation>
    </message>
    <message>
        <source>Use this model</source>
        <translation>Dieses Modell nehmen</translation>
    </message>
    <message>
        <source>There is no model. The starter belongs to the program: install it anew.</source>
        <translation>Es gibt kein Modell. Der Starter gehört zum Programm: bitte neu installieren.</translation>
    </message>
    <message>
        <source>May I release what I render with it?</source>
        <translation>Darf ich veröffentlichen, was ich damit erzeuge?</translation>
    </message>
    <message>
        <source>Licence: {name}</source>
        <translation>Lizenz: {name}</translation>
    </message>
    <message>
        <source>Text of the licence</source>
        <translation>Text der Lizenz</translation>
    </message>
    <message>
        <source>I have read the licence and will keep to it</source>
        <translation>Ich habe die Lizenz gelesen und halte mich daran</translation>
    </message>
    <message>
        <source>Folder of the checkpoints</source>
        <translation>Ordner der Checkpoints</translation>
    </message>
    <message>
        <source>Importing {folder} into {models} …</source>
        <translation>{folder} wird nach {models} importiert …</translation>
    </message>
    <message>
        <source>The import could not be started.</source>
        <translation>Der Import konnte nicht gestartet werden.</translation>
    </message>
    <message>
        <source>The model is imported.</source>
        <translation>Das Modell ist importiert.</translation>
    </message>
    <message>
        <source>The import was stopped.</source>
        <translation>Der Import wurde abgebrochen.</translation>
    </message>
    <message>
        <source>Close</source>
        <translation>Schließen</translation>
    </message>
</context>
<context>
    <name>NamePicker</name>
    <message>
        <source>Type to search; Enter adds the first found, the down key goes to the list</source>
        <translation>Zum Suchen tippen; Eingabe nimmt den ersten Fund, Pfeil nach unten geht in die Liste</translation>
    </message>
    <message>
        <source>Only favourite {0}</source>
        <translation>Nur Favoriten: {0}</translation>
    </message>
    <message>
        <source>Show favourites only</source>
        <translation>Nur Favoriten zeigen</translation>
    </message>
    <message>
        <source>List of {0}</source>
        <translation>Liste: {0}</translation>
    </message>
    <message>
        <source>Show or hide the list</source>
        <translation>Liste zeigen oder verbergen</translation>
    </message>
    <message>
        <source>Enter or a double click adds; F or the heart makes a favourite</source>
        <translation>Eingabe oder Doppelklick fügt hinzu; F oder das Herz macht zum Favoriten</translation>
    </message>
</context>
<context>
    <name>NamesModel</name>
    <message>
        <source>, favourite</source>
        <translation>, Favorit</translation>
    </message>
</context>
<context>
    <name>Outbox</name>
    <message>
        <source>Exported to {folder}: {names}</source>
        <translation>Exportiert nach {folder}: {names}</translation>
    </message>
    <message>
        <source>Copied: paste it in your DAW or in a folder.</source>
        <translation>Kopiert: in der DAW oder in einem Ordner einfügen.</translation>
    </message>
    <message>
        <source>It lies in {path}</source>
        <translation>Es liegt in {path}</translation>
    </message>
    <message>
        <source>It is written now, and can be dragged at once.</source>
        <translation>Sie ist nun geschrieben und kann sofort gezogen werden.</translation>
    </message>
    <message>
        <source>{n} files</source>
        <translation>{n} Dateien</translation>
    </message>
    <message>
        <source>{sentence} Start the script in your DAW, or drag the variant there.</source>
        <translation>{sentence} In der DAW das Skript starten oder die Variante dorthin ziehen.</translation>
    </message>
    <message>
        <source>The DAW did not take the variant: {sentence}</source>
        <translation>Die DAW nahm die Variante nicht an: {sentence}</translation>
    </message>
    <message>
        <source>The variant is on the DAW&apos;s timeline.</source>
        <translation>Die Variante liegt auf der Zeitachse der DAW.</translation>
    </message>
</context>
<context>
    <name>Pages</name>
    <message>
        <source>MIDI control</source>
        <translation>MIDI-Steuerung</translation>
    </message>
    <message>
        <source>Your clips</source>
        <translation>Die Clips</translation>
    </message>
    <message>
        <source>Drop audio here, or send a region from your DAW. The tempo is read or listened for; say so where it is wrong.</source>
        <translation>Audio hierher ziehen oder eine Region aus der DAW senden. Das Tempo wird gelesen oder erlauscht; wo es falsch ist, lässt es sich berichtigen.</translation>
    </message>
    <message>
        <source>What to do</source>
        <translation>Was zu tun ist</translation>
    </message>
    <message>
        <source>Continue the clip, make it in another style, sing it anew or vary a part. Blend artists, write words, then press Generate.</source>
        <translation>Den Clip fortsetzen, in einem anderen Stil machen, neu singen oder einen Teil variieren. Künstler mischen, Worte schreiben, dann „Erzeugen“.</translation>
    </message>
    <message>
        <source>Listen</source>
        <translation>Hören</translation>
    </message>
    <message>
        <source>Space plays. 1 to 9 switch to a variant where you are, 0 to the clip. Drag over the waveforms to select.</source>
        <translation>Die Leertaste spielt. 1 bis 9 wechseln an Ort und Stelle zu einer Variante, 0 zum Clip. Über die Wellenformen ziehen wählt aus.</translation>
    </message>
    <message>
        <source>Choose</source>
        <translation>Wählen</translation>
    </message>
    <message>
        <source>Every variant stays: rate, note, hide, branch. Drag one into your DAW, or press Ctrl+D to send it to its place.</source>
        <translation>Jede Variante bleibt: bewerten, notieren, ausblenden, abzweigen. Eine in die DAW ziehen, oder mit Strg+D an ihre Stelle senden.</translation>
    </message>
    <message>
        <source>How things are</source>
        <translation>Wie es steht</translation>
    </message>
    <message>
        <source>Engine, DAW, MIDI and tempo. Click a sign to set it up. ? shows all keys.</source>
        <translation>Erzeuger, DAW, MIDI und Tempo. Ein Klick auf ein Zeichen richtet es ein. ? zeigt alle Tasten.</translation>
    </message>
    <message>
        <source>Diagnostics are on the clipboard. They hold paths, but no music.</source>
        <translation>Die Diagnose ist in der Zwischenablage. Sie enthält Pfade, aber keine Musik.</translation>
    </message>
</context>
<context>
    <name>Playback</name>
    <message>
        <source>A device cannot play {0} samples per second; choose {1} to {2}.</source>
        <translation>Ein Gerät kann nicht {0} Samples je Sekunde spielen; {1} bis {2} wählen.</translation>
    </message>
    <message>
        <source>A latency of {0} ms cannot be had; choose 1 to 2,000 ms.</source>
        <translation>Eine Latenz von {0} ms geht nicht; 1 bis 2.000 ms wählen.</translation>
    </message>
    <message>
        <source>A buffer of {0} samples cannot be had; choose 16 to 65,536.</source>
        <translation>Ein Puffer von {0} Samples geht nicht; 16 bis 65.536 wählen.</translation>
    </message>
</context>
<context>
    <name>Player</name>
    <message>
        <source>There is nothing to play yet: add a clip first.</source>
        <translation>Es gibt noch nichts zu spielen: zuerst einen Clip hinzufügen.</translation>
    </message>
    <message>
        <source>{path} cannot be played: making it ready ended unexpectedly. Choose a shorter stretch of it, or close other programs and try again.</source>
        <translation>{path} kann nicht gespielt werden: die Vorbereitung endete unerwartet. Ein kürzeres Stück wählen oder andere Programme schließen und noch einmal versuchen.</translation>
    </message>
    <message>
        <source>Playing has stopped: the process that plays ended several times. Choose another audio device or a larger buffer, and play again.</source>
        <translation>Die Wiedergabe ist angehalten: ihr Prozess endete mehrmals. Ein anderes Audiogerät oder einen größeren Puffer wählen und noch einmal abspielen.</translation>
    </message>
</context>
<context>
    <name>PresetMenu</name>
    <message>
        <source>Presets</source>
        <translation>Vorgaben</translation>
    </message>
    <message>
        <source>Use, save and share settings</source>
        <translation>Einstellungen verwenden, speichern und teilen</translation>
    </message>
    <message>
        <source>Shipped</source>
        <translation>Mitgeliefert</translation>
    </message>
    <message>
        <source>Yours</source>
        <translation>Eigene</translation>
    </message>
    <message>
        <source>&amp;Save…</source>
        <translation>&amp;Speichern …</translation>
    </message>
    <message>
        <source>&amp;Import a file…</source>
        <translation>Datei &amp;importieren …</translation>
    </message>
    <message>
        <source>&amp;Share as a file</source>
        <translation>Als Datei &amp;teilen</translation>
    </message>
    <message>
        <source>&amp;Delete</source>
        <translation>&amp;Löschen</translation>
    </message>
    <message>
        <source>Import a preset</source>
        <translation>Vorgabe importieren</translation>
    </message>
    <message>
        <source>Presets (*.json)</source>
        <translation>Vorgaben (*.json)</translation>
    </message>
    <message>
        <source>Share a preset</source>
        <translation>Vorgabe teilen</translation>
    </message>
</context>
<context>
    <name>PresetShelf</name>
    <message>
        <source>The preset {0} is used, and kept.</source>
        <translation>Die Vorgabe {0} gilt und ist behalten.</translation>
    </message>
    <message>
        <source>The preset lies in {0}.</source>
        <translation>Die Vorgabe liegt in {0}.</translation>
    </message>
    <message>
        <source>The preset {0} is deleted.</source>
        <translation>Die Vorgabe {0} ist gelöscht.</translation>
    </message>
    <message>
        <source>The preset {0} is saved.</source>
        <translation>Die Vorgabe {0} ist gespeichert.</translation>
    </message>
</context>
<context>
    <name>Presets</name>
    <message>
        <source>A preset needs a name of 1 to {0} letters.</source>
        <translation>Eine Vorgabe braucht einen Namen von 1 bis {0} Zeichen.</translation>
    </message>
    <message>
        <source>The preset “{0}” cannot be used</source>
        <translation>Die Vorgabe „{0}“ geht nicht</translation>
    </message>
    <message>
        <source>{0}: a preset has no “{1}”; it belongs to one clip.</source>
        <translation>{0}: eine Vorgabe hat kein „{1}“; das gehört zu einem einzelnen Clip.</translation>
    </message>
    <message>
        <source>{0}: there is no operation “{1}”.</source>
        <translation>{0}: es gibt keinen Vorgang „{1}“.</translation>
    </message>
    <message>
        <source>{0}: {1} takes no “{2}” from a preset.</source>
        <translation>{0}: {1} nimmt kein „{2}“ aus einer Vorgabe.</translation>
    </message>
    <message>
        <source>{0}: {1} goes from {2} to {3}, not {4}.</source>
        <translation>{0}: {1} geht von {2} bis {3}, nicht {4}.</translation>
    </message>
    <message>
        <source>{0} is too large for a preset; choose another file.</source>
        <translation>{0} ist zu groß für eine Vorgabe; eine andere Datei wählen.</translation>
    </message>
    <message>
        <source>{0} cannot be read: {1}.</source>
        <translation>{0} kann nicht gelesen werden: {1}.</translation>
    </message>
    <message>
        <source>{0} is not a preset: it is not JSON text.</source>
        <translation>{0} ist keine Vorgabe: es ist kein JSON-Text.</translation>
    </message>
    <message>
        <source>{0} was made by a newer version; update Jukebox Studio.</source>
        <translation>{0} stammt von einer neueren Version; bitte Jukebox Studio aktualisieren.</translation>
    </message>
    <message>
        <source>{0} is not a preset of Jukebox Studio.</source>
        <translation>{0} ist keine Vorgabe von Jukebox Studio.</translation>
    </message>
    <message>
        <source>{0} is not a preset: it needs a name and a request.</source>
        <translation>{0} ist keine Vorgabe: Name und Auftrag fehlen.</translation>
    </message>
    <message>
        <source>{0} cannot be made: {1}.</source>
        <translation>{0} kann nicht angelegt werden: {1}.</translation>
    </message>
    <message>
        <source>{0} ships with the program and stays.</source>
        <translation>{0} gehört zum Programm und bleibt.</translation>
    </message>
    <message>
        <source>{0} cannot be deleted: {1}.</source>
        <translation>{0} kann nicht gelöscht werden: {1}.</translation>
    </message>
</context>
<context>
    <name>Project</name>
    <message>
        <source>The process that listens to files ended twice. Close other programs and try again; where it is always one file, export that again.</source>
        <translation>Der Prozess, der Dateien anhört, endete zweimal. Andere Programme schließen und noch einmal versuchen; ist es immer dieselbe Datei, sie neu exportieren.</translation>
    </message>
    <message>
        <source>{0} is a folder; drop the audio files in it.</source>
        <translation>{0} ist ein Ordner; die Audiodateien darin herziehen.</translation>
    </message>
    <message>
        <source>{0} is not there any more. Connect its drive, or choose another file.</source>
        <translation>{0} ist nicht mehr da. Das Laufwerk anschließen oder eine andere Datei wählen.</translation>
    </message>
    <message>
        <source>{0} BPM, as the file&apos;s name says.</source>
        <translation>{0} BPM, wie der Dateiname sagt.</translation>
    </message>
    <message>
        <source>{0} BPM, as {1} has it now; say so where the file is at another.</source>
        <translation>{0} BPM, wie {1} es gerade hat; sagen, wenn die Datei ein anderes Tempo hat.</translation>
    </message>
    <message>
        <source>No beat was heard, so {0} BPM was taken; say what it is.</source>
        <translation>Kein Schlag war zu hören, also gilt {0} BPM; bitte berichtigen.</translation>
    </message>
    <message>
        <source>Listening to {name} …</source>
        <translation>{name} wird angehört …</translation>
    </message>
    <message>
        <source>{name}: {said}</source>
        <translation>{name}: {said}</translation>
    </message>
    <message>
        <source>Variant {number}</source>
        <translation>Variante {number}</translation>
    </message>
    <message>
        <source>Undone: {what}</source>
        <translation>Rückgängig gemacht: {what}</translation>
    </message>
    <message>
        <source>Done again: {what}</source>
        <translation>Wiederholt: {what}</translation>
    </message>
    <message>
        <source>{name} has its full quality already.</source>
        <translation>{name} hat schon die volle Güte.</translation>
    </message>
    <message>
        <source>The selection lies beside this variant; select a part of it.</source>
        <translation>Die Auswahl liegt neben dieser Variante; einen Teil von ihr auswählen.</translation>
    </message>
</context>
<context>
    <name>QueueModel</name>
    <message>
        <source>paused</source>
        <translation>angehalten</translation>
    </message>
    <message>
        <source>waits</source>
        <translation>wartet</translation>
    </message>
    <message>
        <source>begins …</source>
        <translation>beginnt …</translation>
    </message>
    <message>
        <source>{percent}, {time} left</source>
        <translation>{percent}, noch {time}</translation>
    </message>
</context>
<context>
    <name>QueuePanel</name>
    <message>
        <source>Queue</source>
        <translation>Warteschlange</translation>
    </message>
    <message>
        <source>Sooner</source>
        <translation>Früher</translation>
    </message>
    <message>
        <source>Later</source>
        <translation>Später</translation>
    </message>
    <message>
        <source>Go on with this job</source>
        <translation>Mit diesem Auftrag fortfahren</translation>
    </message>
    <message>
        <source>Pause this job</source>
        <translation>Diesen Auftrag anhalten</translation>
    </message>
    <message>
        <source>Cancel this job</source>
        <translation>Diesen Auftrag abbrechen</translation>
    </message>
    <message>
        <source>Pause the queue</source>
        <translation>Warteschlange anhalten</translation>
    </message>
    <message>
        <source>All</source>
        <translation>Alle</translation>
    </message>
    <message>
        <source>Queue of renders</source>
        <translation>Warteschlange der Aufträge</translation>
    </message>
    <message>
        <source>Take this job off the list</source>
        <translation>Diesen Auftrag von der Liste nehmen</translation>
    </message>
    <message>
        <source>Resume the queue</source>
        <translation>Warteschlange fortfahren</translation>
    </message>
    <message>
        <source>paused</source>
        <translation>angehalten</translation>
    </message>
    <message>
        <source>nothing to do</source>
        <translation>nichts zu tun</translation>
    </message>
    <message>
        <source>{time} left</source>
        <translation>noch {time}</translation>
    </message>
    <message>
        <source>{n} waiting</source>
        <translation>{n} warten</translation>
    </message>
</context>
<context>
    <name>RequestPanel</name>
    <message>
        <source>&amp;Continue</source>
        <translation>&amp;Fortsetzen</translation>
    </message>
    <message>
        <source>Go on where the clip stops</source>
        <translation>Weitermachen, wo der Clip aufhört</translation>
    </message>
    <message>
        <source>&amp;Restyle</source>
        <translation>Neuer &amp;Stil</translation>
    </message>
    <message>
        <source>The clip again, in another style</source>
        <translation>Der Clip noch einmal, in einem anderen Stil</translation>
    </message>
    <message>
        <source>Re-&amp;sing</source>
        <translation>Neu s&amp;ingen</translation>
    </message>
    <message>
        <source>Sing the selection again, with new words</source>
        <translation>Die Auswahl noch einmal singen, mit neuen Worten</translation>
    </message>
    <message>
        <source>Var&amp;y</source>
        <translation>Va&amp;riieren</translation>
    </message>
    <message>
        <source>Make the selection anew, inside what stands around it</source>
        <translation>Die Auswahl neu machen, passend zu dem, was darum steht</translation>
    </message>
    <message>
        <source>Length</source>
        <translation>Länge</translation>
    </message>
    <message>
        <source>How much music is added</source>
        <translation>Wie viel Musik dazukommt</translation>
    </message>
    <message>
        <source>bars</source>
        <translation>Takte</translation>
    </message>
    <message>
        <source>beats</source>
        <translation>Schläge</translation>
    </message>
    <message>
        <source>seconds</source>
        <translation>Sekunden</translation>
    </message>
    <message>
        <source>Unit of the length</source>
        <translation>Einheit der Länge</translation>
    </message>
    <message>
        <source>Bars end on a bar line; beats are quarter notes</source>
        <translation>Takte enden auf einem Taktstrich; Schläge sind Viertelnoten</translation>
    </message>
    <message>
        <source>Keep this selection and add another</source>
        <translation>Auswahl behalten, weitere wählen</translation>
    </message>
    <message>
        <source>Add another selection</source>
        <translation>Weitere Auswahl</translation>
    </message>
    <message>
        <source>Keep what is selected now; then select more in the timeline</source>
        <translation>Die jetzige Auswahl behalten; dann auf der Zeitachse mehr wählen</translation>
    </message>
    <message>
        <source>Kept selections</source>
        <translation>Behaltene Auswahlen</translation>
    </message>
    <message>
        <source>Made anew beside what is selected now; Delete takes one out</source>
        <translation>Werden neben der jetzigen Auswahl neu gemacht; Entf nimmt eine heraus</translation>
    </message>
    <message>
        <source>Remove the selection</source>
        <translation>Auswahl entfernen</translation>
    </message>
    <message>
        <source>Take the chosen selection out</source>
        <translation>Die gewählte Auswahl herausnehmen</translation>
    </message>
    <message>
        <source>Keep</source>
        <translation>Bewahren</translation>
    </message>
    <message>
        <source>How much of the clip&apos;s own music stays</source>
        <translation>Wie viel von der Musik des Clips bleibt</translation>
    </message>
    <message>
        <source>new</source>
        <translation>neu</translation>
    </message>
    <message>
        <source>the same</source>
        <translation>gleich</translation>
    </message>
    <message>
        <source>Variants</source>
        <translation>Varianten</translation>
    </message>
    <message>
        <source>How many different results</source>
        <translation>Wie viele verschiedene Ergebnisse</translation>
    </message>
    <message>
        <source>new each time</source>
        <translation>jedes Mal neu</translation>
    </message>
    <message>
        <source>Seed</source>
        <translation>Startwert</translation>
    </message>
    <message>
        <source>The same seed and settings give the same results</source>
        <translation>Gleicher Startwert und gleiche Einstellungen geben gleiche Ergebnisse</translation>
    </message>
    <message>
        <source>Lock the seed</source>
        <translation>Startwert festhalten</translation>
    </message>
    <message>
        <source>Locked, the seed stays; open, each request gets a new one</source>
        <translation>Festgehalten bleibt der Startwert; sonst bekommt jeder Auftrag einen neuen</translation>
    </message>
    <message>
        <source>New seed</source>
        <translation>Neuer Startwert</translation>
    </message>
    <message>
        <source>Draw a new seed at random and keep it</source>
        <translation>Einen neuen Startwert auslosen und behalten</translation>
    </message>
    <message>
        <source>Guidance towards the style</source>
        <translation>Führung zum Stil</translation>
    </message>
    <message>
        <source>How hard the model is led to the style; 0 is off, more takes longer</source>
        <translation>Wie stark das Modell zum Stil geführt wird; 0 ist aus, mehr dauert länger</translation>
    </message>
    <message>
        <source>Guidance towards the words</source>
        <translation>Führung zu den Worten</translation>
    </message>
    <message>
        <source>How hard the model is led to the words; 0 is off, more takes longer</source>
        <translation>Wie stark das Modell zu den Worten geführt wird; 0 ist aus, mehr dauert länger</translation>
    </message>
    <message>
        <source>As the model recommends</source>
        <translation>Wie das Modell es empfiehlt</translation>
    </message>
    <message>
        <source>Draw every level as the model recommends</source>
        <translation>Jede Ebene so ziehen, wie das Modell es empfiehlt</translation>
    </message>
    <message>
        <source>32 bits: exact</source>
        <translation>32 Bit: genau</translation>
    </message>
    <message>
        <source>16 bits: for a GPU</source>
        <translation>16 Bit: für eine Grafikkarte</translation>
    </message>
    <message>
        <source>8 bits: quicker</source>
        <translation>8 Bit: schneller</translation>
    </message>
    <message>
        <source>Numbers</source>
        <translation>Zahlen</translation>
    </message>
    <message>
        <source>What is computed with: numbers of 8 bits are quicker on a processor, those of 16 take half the memory of a GPU; the same seed gives a slightly different result</source>
        <translation>Womit gerechnet wird: Zahlen aus 8 Bit sind auf einem Prozessor schneller, die aus 16 brauchen halb so viel Speicher einer Grafikkarte; derselbe Startwert gibt ein etwas anderes Ergebnis</translation>
    </message>
    <message>
        <source>Candidates</source>
        <translation>Kandidaten</translation>
    </message>
    <message>
        <source>Tops tried for each variant; the one that leads on best is kept</source>
        <translation>Wie viele Anläufe es je Variante gibt; der beste Anschluss bleibt</translation>
    </message>
    <message>
        <source>Stereo width</source>
        <translation>Stereobreite</translation>
    </message>
    <message>
        <source>Of a stereo clip&apos;s results: 1 is as wide as the clip, 0 is mono</source>
        <translation>Der Ergebnisse eines Stereo-Clips: 1 ist so breit wie der Clip, 0 ist mono</translation>
    </message>
    <message>
        <source>Stretch onto the beat</source>
        <translation>Auf den Schlag dehnen</translation>
    </message>
    <message>
        <source>Stretch a result whose onsets lie off the beat</source>
        <translation>Ein Ergebnis dehnen, dessen Einsätze neben dem Schlag liegen</translation>
    </message>
    <message>
        <source>Preview only</source>
        <translation>Nur Vorschau</translation>
    </message>
    <message>
        <source>Make the coarse level; bring the ones you like to full quality later</source>
        <translation>Nur die grobe Ebene erzeugen; was gefällt, kommt später auf volle Güte</translation>
    </message>
    <message>
        <source>WAV, 24 bit</source>
        <translation>WAV, 24 Bit</translation>
    </message>
    <message>
        <source>WAV, 32-bit float</source>
        <translation>WAV, 32 Bit Gleitkomma</translation>
    </message>
    <message>
        <source>FLAC, 24 bit</source>
        <translation>FLAC, 24 Bit</translation>
    </message>
    <message>
        <source>File format</source>
        <translation>Dateiformat</translation>
    </message>
    <message>
        <source>How results are stored on disk</source>
        <translation>Wie Ergebnisse gespeichert werden</translation>
    </message>
    <message>
        <source>Number of the first variant</source>
        <translation>Nummer der ersten Variante</translation>
    </message>
    <message>
        <source>Of this seed; more of a seed go on after those that are there</source>
        <translation>Zu diesem Startwert; weitere folgen auf die, die es schon gibt</translation>
    </message>
    <message>
        <source>Say where in the song</source>
        <translation>Ort im Song angeben</translation>
    </message>
    <message>
        <source>Tell the model another place than the song&apos;s markers say</source>
        <translation>Dem Modell einen anderen Ort nennen, als die Marken im Song sagen</translation>
    </message>
    <message>
        <source>Length of the song</source>
        <translation>Länge des Songs</translation>
    </message>
    <message>
        <source>As the model is told</source>
        <translation>Wie es dem Modell gesagt wird</translation>
    </message>
    <message>
        <source>Start of the clip in the song</source>
        <translation>Beginn des Clips im Song</translation>
    </message>
    <message>
        <source> s</source>
        <translation> s</translation>
    </message>
    <message>
        <source>Model</source>
        <translation>Modell</translation>
    </message>
    <message>
        <source>Which model makes the music</source>
        <translation>Welches Modell die Musik macht</translation>
    </message>
    <message>
        <source>Licence of the model</source>
        <translation>Lizenz des Modells</translation>
    </message>
    <message>
        <source>May I release what I render with this, and what must I say?</source>
        <translation>Darf ich veröffentlichen, was ich damit erzeuge, und was muss ich dazu sagen?</translation>
    </message>
    <message>
        <source>&amp;Generate</source>
        <translation>Er&amp;zeugen</translation>
    </message>
    <message>
        <source>Generate</source>
        <translation>Erzeugen</translation>
    </message>
    <message>
        <source>Make the variants (Ctrl+Return)</source>
        <translation>Die Varianten erzeugen (Strg+Eingabe)</translation>
    </message>
    <message>
        <source>Le&amp;ngth</source>
        <translation>Län&amp;ge</translation>
    </message>
    <message>
        <source>&amp;Keep</source>
        <translation>B&amp;ewahren</translation>
    </message>
    <message>
        <source>Words</source>
        <translation>Worte</translation>
    </message>
    <message>
        <source>What is sung</source>
        <translation>Was gesungen wird</translation>
    </message>
    <message>
        <source>Style</source>
        <translation>Stil</translation>
    </message>
    <message>
        <source>In whose style</source>
        <translation>In wessen Stil</translation>
    </message>
    <message>
        <source>V&amp;ariants</source>
        <translation>Varia&amp;nten</translation>
    </message>
    <message>
        <source>See&amp;d</source>
        <translation>S&amp;tartwert</translation>
    </message>
    <message>
        <source>M&amp;odel</source>
        <translation>M&amp;odell</translation>
    </message>
    <message>
        <source>Towards the style</source>
        <translation>Zum Stil</translation>
    </message>
    <message>
        <source>Towards the words</source>
        <translation>Zu den Worten</translation>
    </message>
    <message>
        <source>Guidance</source>
        <translation>Führung</translation>
    </message>
    <message>
        <source>How hard the model is led</source>
        <translation>Wie stark das Modell geführt wird</translation>
    </message>
    <message>
        <source>Temperature</source>
        <translation>Temperatur</translation>
    </message>
    <message>
        <source>How codes are drawn</source>
        <translation>Wie Codes gezogen werden</translation>
    </message>
    <message>
        <source>Temperature, top-k and top-p, for all levels or one by one</source>
        <translation>Temperatur, Top-k und Top-p, für alle Ebenen oder einzeln</translation>
    </message>
    <message>
        <source>Format</source>
        <translation>Format</translation>
    </message>
    <message>
        <source>First variant</source>
        <translation>Erste Variante</translation>
    </message>
    <message>
        <source>Song lasts</source>
        <translation>Song dauert</translation>
    </message>
    <message>
        <source>Clip starts at</source>
        <translation>Clip beginnt bei</translation>
    </message>
    <message>
        <source>Output and song</source>
        <translation>Ausgabe und Song</translation>
    </message>
    <message>
        <source>Width, stretching, format, and what the model is told of the song</source>
        <translation>Breite, Dehnen, Format, und was dem Modell vom Song gesagt wird</translation>
    </message>
    <message>
        <source>{0} (preview)</source>
        <translation>{0} (Vorschau)</translation>
    </message>
    <message>
        <source>No clip yet</source>
        <translation>Noch kein Clip</translation>
    </message>
    <message>
        <source>{0} to {1} s</source>
        <translation>{0} bis {1} s</translation>
    </message>
</context>
<context>
    <name>SamplingControls</name>
    <message>
        <source>Temperature</source>
        <translation>Temperatur</translation>
    </message>
    <message>
        <source>Below 1 is safer and plainer, above 1 wilder</source>
        <translation>Unter 1 sicherer und schlichter, über 1 wilder</translation>
    </message>
    <message>
        <source>All codes</source>
        <translation>Alle Codes</translation>
    </message>
    <message>
        <source>The likeliest k codes</source>
        <translation>Die k wahrscheinlichsten</translation>
    </message>
    <message>
        <source>The likeliest share p</source>
        <translation>Der wahrscheinlichste Anteil p</translation>
    </message>
    <message>
        <source>Codes to draw from</source>
        <translation>Woraus gezogen wird</translation>
    </message>
    <message>
        <source>Leave unlikely codes out: by number (top-k) or by probability (top-p)</source>
        <translation>Unwahrscheinliche Codes weglassen: nach Anzahl (Top-k) oder nach Wahrscheinlichkeit (Top-p)</translation>
    </message>
    <message>
        <source>Top-k</source>
        <translation>Top-k</translation>
    </message>
    <message>
        <source>How many codes to draw from</source>
        <translation>Aus wie vielen Codes gezogen wird</translation>
    </message>
    <message>
        <source>Top-p</source>
        <translation>Top-p</translation>
    </message>
    <message>
        <source>The probability they have together</source>
        <translation>Wie wahrscheinlich sie zusammen sind</translation>
    </message>
    <message>
        <source>Window by window</source>
        <translation>Fenster für Fenster</translation>
    </message>
    <message>
        <source>Draw the levels below the top in order, as published: slower, and without joints</source>
        <translation>Die Ebenen unter der obersten der Reihe nach ziehen, wie veröffentlicht: langsamer und ohne Nahtstellen</translation>
    </message>
</context>
<context>
    <name>SavePresetDialog</name>
    <message>
        <source>Save a preset</source>
        <translation>Vorgabe speichern</translation>
    </message>
    <message>
        <source>Name of the preset</source>
        <translation>Name der Vorgabe</translation>
    </message>
    <message>
        <source>As it stands in the menu</source>
        <translation>Wie er im Menü steht</translation>
    </message>
    <message>
        <source>Operation, length and keep</source>
        <translation>Vorgang, Länge und Bewahren</translation>
    </message>
    <message>
        <source>Style</source>
        <translation>Stil</translation>
    </message>
    <message>
        <source>New words</source>
        <translation>Neue Worte</translation>
    </message>
    <message>
        <source>Guidance and how codes are drawn</source>
        <translation>Führung und wie Codes gezogen werden</translation>
    </message>
    <message>
        <source>Variants, output, and the seed if it is locked</source>
        <translation>Varianten, Ausgabe, und der Startwert, wenn er festgehalten ist</translation>
    </message>
    <message>
        <source>What goes in; the rest stays when it is used:</source>
        <translation>Was hineinkommt; das Übrige bleibt beim Verwenden, wie es ist:</translation>
    </message>
    <message>
        <source>Whether the preset says this</source>
        <translation>Ob die Vorgabe dies enthält</translation>
    </message>
    <message>
        <source>Your preset of this name is replaced.</source>
        <translation>Die eigene Vorgabe dieses Namens wird ersetzt.</translation>
    </message>
</context>
<context>
    <name>Settings</name>
    <message>
        <source>The settings could not be kept: {0} cannot be made ({1}).</source>
        <translation>Die Einstellungen konnten nicht behalten werden: {0} kann nicht angelegt werden ({1}).</translation>
    </message>
    <message>
        <source>Some settings in {0} could not be read ({1}), so the usual ones count.</source>
        <translation>Einige Einstellungen in {0} konnten nicht gelesen werden ({1}); es gelten die üblichen.</translation>
    </message>
</context>
<context>
    <name>SettingsPage</name>
    <message>
        <source>Settings</source>
        <translation>Einstellungen</translation>
    </message>
    <message>
        <source>General</source>
        <translation>Allgemein</translation>
    </message>
    <message>
        <source>Audio</source>
        <translation>Audio</translation>
    </message>
    <message>
        <source>DAW and MIDI</source>
        <translation>DAW und MIDI</translation>
    </message>
    <message>
        <source>Engine</source>
        <translation>Erzeugen</translation>
    </message>
    <message>
        <source>Dark</source>
        <translation>Dunkel</translation>
    </message>
    <message>
        <source>Light</source>
        <translation>Hell</translation>
    </message>
    <message>
        <source>&amp;Colours</source>
        <translation>&amp;Farben</translation>
    </message>
    <message>
        <source>The system&apos;s ({language})</source>
        <translation>Die des Systems ({language})</translation>
    </message>
    <message>
        <source>&amp;Language</source>
        <translation>&amp;Sprache</translation>
    </message>
    <message>
        <source>Counts from the next start of the program on.</source>
        <translation>Gilt ab dem nächsten Start des Programms.</translation>
    </message>
    <message>
        <source>Choose …</source>
        <translation>Wählen …</translation>
    </message>
    <message>
        <source>Exports folder</source>
        <translation>Ordner für Exporte</translation>
    </message>
    <message>
        <source>What you drag, copy or export goes there, and nothing in it is ever changed or removed. Counts for projects that are opened from now on.</source>
        <translation>Was gezogen, kopiert oder exportiert wird, kommt dorthin, und nichts darin wird je geändert oder entfernt. Gilt für Projekte, die ab jetzt geöffnet werden.</translation>
    </message>
    <message>
        <source>Export as FLAC instead of WAV</source>
        <translation>Als FLAC statt WAV exportieren</translation>
    </message>
    <message>
        <source>The system&apos;s</source>
        <translation>Das des Systems</translation>
    </message>
    <message>
        <source>{name} (not connected)</source>
        <translation>{name} (nicht angeschlossen)</translation>
    </message>
    <message>
        <source>&amp;Device</source>
        <translation>&amp;Gerät</translation>
    </message>
    <message>
        <source>No audio device was found. Connect one; it is taken by itself.</source>
        <translation>Kein Audiogerät wurde gefunden. Eines anschließen; es wird von selbst genommen.</translation>
    </message>
    <message>
        <source>{ms} ms</source>
        <translation>{ms} ms</translation>
    </message>
    <message>
        <source>&amp;Latency</source>
        <translation>&amp;Latenz</translation>
    </message>
    <message>
        <source>{n} samples</source>
        <translation>{n} Samples</translation>
    </message>
    <message>
        <source>The device&apos;s</source>
        <translation>Der des Geräts</translation>
    </message>
    <message>
        <source>&amp;Buffer</source>
        <translation>&amp;Puffer</translation>
    </message>
    <message>
        <source>Larger values drop out less when the computer is busy.</source>
        <translation>Größere Werte setzen weniger aus, wenn der Rechner zu tun hat.</translation>
    </message>
    <message>
        <source>Test: play a tone</source>
        <translation>Probe: einen Ton abspielen</translation>
    </message>
    <message>
        <source>Let DAWs and controllers connect</source>
        <translation>DAWs und Controller verbinden lassen</translation>
    </message>
    <message>
        <source>Take part in Ableton Link</source>
        <translation>An Ableton Link teilnehmen</translation>
    </message>
    <message>
        <source>Listen to MIDI clock and controllers</source>
        <translation>Auf MIDI-Clock und Controller hören</translation>
    </message>
    <message>
        <source>Play and stop with the DAW, on the bar</source>
        <translation>Mit der DAW spielen und halten, auf den Takt</translation>
    </message>
    <message>
        <source>Be silent while the DAW plays</source>
        <translation>Still sein, während die DAW spielt</translation>
    </message>
    <message>
        <source>Clips without a tempo take the DAW&apos;s</source>
        <translation>Clips ohne Tempo bekommen das der DAW</translation>
    </message>
    <message>
        <source>A clip that a DAW sent plays where the DAW is, others start on its bar. What plays is never stretched: a clip keeps the tempo that it was given.</source>
        <translation>Ein Clip, den eine DAW gesandt hat, spielt dort, wo die DAW ist; andere beginnen auf ihrem Takt. Was spielt, wird nie gedehnt: Ein Clip behält das Tempo, das er bekam.</translation>
    </message>
    <message>
        <source>Look again</source>
        <translation>Noch einmal suchen</translation>
    </message>
    <message>
        <source>Heard {text}</source>
        <translation>Gehört: {text}</translation>
    </message>
    <message>
        <source>All but one</source>
        <translation>Alle bis auf einen</translation>
    </message>
    <message>
        <source>Processors for rendering</source>
        <translation>Prozessoren zum Erzeugen</translation>
    </message>
    <message>
        <source>&amp;Processors for rendering</source>
        <translation>P&amp;rozessoren zum Erzeugen</translation>
    </message>
</context>
<context>
    <name>Shortcuts</name>
    <message>
        <source>Listen</source>
        <translation>Hören</translation>
    </message>
    <message>
        <source>Make</source>
        <translation>Machen</translation>
    </message>
    <message>
        <source>Variants</source>
        <translation>Varianten</translation>
    </message>
    <message>
        <source>Project</source>
        <translation>Projekt</translation>
    </message>
    <message>
        <source>View and help</source>
        <translation>Ansicht und Hilfe</translation>
    </message>
    <message>
        <source>Play and stop</source>
        <translation>Spielen und halten</translation>
    </message>
    <message>
        <source>Back to the start</source>
        <translation>Zurück zum Anfang</translation>
    </message>
    <message>
        <source>Hear the clip</source>
        <translation>Den Clip hören</translation>
    </message>
    <message>
        <source>Hear variant {n}</source>
        <translation>Variante {n} hören</translation>
    </message>
    <message>
        <source>Between this one and the last</source>
        <translation>Zwischen dieser und der letzten</translation>
    </message>
    <message>
        <source>Loop the selection</source>
        <translation>Auswahl wiederholen</translation>
    </message>
    <message>
        <source>Solo or in context</source>
        <translation>Allein oder im Zusammenhang</translation>
    </message>
    <message>
        <source>Equally loud or as is</source>
        <translation>Gleich laut oder wie sie ist</translation>
    </message>
    <message>
        <source>Generate</source>
        <translation>Erzeugen</translation>
    </message>
    <message>
        <source>Full quality of a preview</source>
        <translation>Volle Güte einer Vorschau</translation>
    </message>
    <message>
        <source>Pause and resume the queue</source>
        <translation>Warteschlange anhalten und fortfahren</translation>
    </message>
    <message>
        <source>Go on from this variant</source>
        <translation>Von dieser Variante weitermachen</translation>
    </message>
    <message>
        <source>Rate with {n} of 5 stars</source>
        <translation>Mit {n} von 5 Sternen bewerten</translation>
    </message>
    <message>
        <source>Branch</source>
        <translation>Abzweigen</translation>
    </message>
    <message>
        <source>Hide or show</source>
        <translation>Aus- oder einblenden</translation>
    </message>
    <message>
        <source>Prune</source>
        <translation>Stutzen</translation>
    </message>
    <message>
        <source>Rename</source>
        <translation>Umbenennen</translation>
    </message>
    <message>
        <source>Write a note</source>
        <translation>Notiz schreiben</translation>
    </message>
    <message>
        <source>Search</source>
        <translation>Suchen</translation>
    </message>
    <message>
        <source>Export</source>
        <translation>Exportieren</translation>
    </message>
    <message>
        <source>Copy as a file</source>
        <translation>Als Datei kopieren</translation>
    </message>
    <message>
        <source>Show in its folder</source>
        <translation>Im Ordner zeigen</translation>
    </message>
    <message>
        <source>Send to the DAW</source>
        <translation>An die DAW senden</translation>
    </message>
    <message>
        <source>Add audio files …</source>
        <translation>Audiodateien hinzufügen …</translation>
    </message>
    <message>
        <source>Bring what is selected in the DAW</source>
        <translation>Holen, was in der DAW ausgewählt ist</translation>
    </message>
    <message>
        <source>New project …</source>
        <translation>Neues Projekt …</translation>
    </message>
    <message>
        <source>Open a project …</source>
        <translation>Projekt öffnen …</translation>
    </message>
    <message>
        <source>Undo</source>
        <translation>Rückgängig</translation>
    </message>
    <message>
        <source>Redo</source>
        <translation>Wiederholen</translation>
    </message>
    <message>
        <source>Quit</source>
        <translation>Beenden</translation>
    </message>
    <message>
        <source>Zoom in</source>
        <translation>Vergrößern</translation>
    </message>
    <message>
        <source>Zoom out</source>
        <translation>Verkleinern</translation>
    </message>
    <message>
        <source>See everything</source>
        <translation>Alles zeigen</translation>
    </message>
    <message>
        <source>Waveform or spectrogram</source>
        <translation>Wellenform oder Spektrogramm</translation>
    </message>
    <message>
        <source>Light or dark</source>
        <translation>Hell oder dunkel</translation>
    </message>
    <message>
        <source>Models</source>
        <translation>Modelle</translation>
    </message>
    <message>
        <source>Settings</source>
        <translation>Einstellungen</translation>
    </message>
    <message>
        <source>Show me around</source>
        <translation>Rundgang</translation>
    </message>
    <message>
        <source>Keys</source>
        <translation>Tasten</translation>
    </message>
    <message>
        <source>Copy diagnostics</source>
        <translation>Diagnose kopieren</translation>
    </message>
</context>
<context>
    <name>Statuses</name>
    <message>
        <source>Silent while the DAW plays; the settings can change that.</source>
        <translation>Still, während die DAW spielt; die Einstellungen können das ändern.</translation>
    </message>
    <message>
        <source>Silent</source>
        <translation>Still</translation>
    </message>
    <message>
        <source>No audio</source>
        <translation>Kein Audio</translation>
    </message>
    <message>
        <source>{source} fell silent.</source>
        <translation>{source} ist verstummt.</translation>
    </message>
    <message>
        <source>No clip gives a tempo.</source>
        <translation>Kein Clip gibt ein Tempo vor.</translation>
    </message>
    <message>
        <source>{tempo:.1f} BPM, heard in the clip: check it.</source>
        <translation>{tempo:.1f} BPM, im Clip erlauscht: bitte prüfen.</translation>
    </message>
    <message>
        <source>{tempo:.1f} BPM from the clip.</source>
        <translation>{tempo:.1f} BPM vom Clip.</translation>
    </message>
    <message>
        <source>MIDI clock</source>
        <translation>MIDI-Clock</translation>
    </message>
    <message>
        <source>DAW</source>
        <translation>DAW</translation>
    </message>
    <message>
        <source>MIDI is off.</source>
        <translation>MIDI ist aus.</translation>
    </message>
    <message>
        <source>Looking for MIDI inputs …</source>
        <translation>Suche nach MIDI-Eingängen …</translation>
    </message>
    <message>
        <source>No audio device is known yet.</source>
        <translation>Noch ist kein Audiogerät bekannt.</translation>
    </message>
    <message>
        <source>{device} plays, at {rate} Hz.</source>
        <translation>{device} spielt, mit {rate} Hz.</translation>
    </message>
    <message>
        <source>It is heard through {device}, at {rate} Hz.</source>
        <translation>Zu hören über {device}, mit {rate} Hz.</translation>
    </message>
    <message>
        <source>No MIDI</source>
        <translation>Kein MIDI</translation>
    </message>
    <message>
        <source>MIDI</source>
        <translation>MIDI</translation>
    </message>
    <message>
        <source>Read-only</source>
        <translation>Nur lesen</translation>
    </message>
    <message>
        <source>This project can only be read.</source>
        <translation>Dieses Projekt kann nur gelesen werden.</translation>
    </message>
    <message>
        <source>Rendering</source>
        <translation>Erzeugt</translation>
    </message>
    <message>
        <source>The engine renders.</source>
        <translation>Es wird gerade erzeugt.</translation>
    </message>
    <message>
        <source>Paused</source>
        <translation>Angehalten</translation>
    </message>
    <message>
        <source>The queue is paused.</source>
        <translation>Die Warteschlange ist angehalten.</translation>
    </message>
    <message>
        <source>no model</source>
        <translation>kein Modell</translation>
    </message>
    <message>
        <source>Ready</source>
        <translation>Bereit</translation>
    </message>
    <message>
        <source>The engine is ready, with {name}.</source>
        <translation>Bereit zum Erzeugen, mit {name}.</translation>
    </message>
    <message>
        <source>Audio settings</source>
        <translation>Audioeinstellungen</translation>
    </message>
    <message>
        <source>The clip is at {tempo:g} BPM, as {source} says</source>
        <translation>Der Clip hat {tempo:g} BPM, wie {source} sagt</translation>
    </message>
    <message>
        <source>Set Link to {tempo:g} BPM</source>
        <translation>Link auf {tempo:g} BPM setzen</translation>
    </message>
    <message>
        <source>Type another …</source>
        <translation>Ein anderes eingeben …</translation>
    </message>
</context>
<context>
    <name>StylePad</name>
    <message>
        <source>No artist: the model is free in its style.</source>
        <translation>Kein Künstler: das Modell ist frei in seinem Stil.</translation>
    </message>
    <message>
        <source>No genre.</source>
        <translation>Kein Genre.</translation>
    </message>
    <message>
        <source>artists</source>
        <translation>Künstler</translation>
    </message>
    <message>
        <source>Add an artist</source>
        <translation>Künstler hinzufügen</translation>
    </message>
    <message>
        <source>genres</source>
        <translation>Genres</translation>
    </message>
    <message>
        <source>Add a genre</source>
        <translation>Genre hinzufügen</translation>
    </message>
    <message>
        <source>Change over time</source>
        <translation>Mit der Zeit ändern</translation>
    </message>
    <message>
        <source>Let the style go from one blend to another while the music goes on</source>
        <translation>Den Stil von einer Mischung zur anderen gehen lassen, während die Musik läuft</translation>
    </message>
    <message>
        <source>Points of the style</source>
        <translation>Punkte des Stils</translation>
    </message>
    <message>
        <source>Choose a point: artists and genres above are those of this moment</source>
        <translation>Einen Punkt wählen: Künstler und Genres oben sind die dieses Moments</translation>
    </message>
    <message>
        <source> s</source>
        <translation> s</translation>
    </message>
    <message>
        <source>Time of the point</source>
        <translation>Zeit des Punkts</translation>
    </message>
    <message>
        <source>Seconds from the start of what is made</source>
        <translation>Sekunden vom Beginn dessen, was erzeugt wird</translation>
    </message>
    <message>
        <source>Add point</source>
        <translation>Punkt dazu</translation>
    </message>
    <message>
        <source>Add a point</source>
        <translation>Punkt hinzufügen</translation>
    </message>
    <message>
        <source>Add a moment with a blend of its own after the chosen one</source>
        <translation>Nach dem gewählten einen Moment mit eigener Mischung hinzufügen</translation>
    </message>
    <message>
        <source>Remove the point</source>
        <translation>Punkt entfernen</translation>
    </message>
    <message>
        <source>Take the chosen point out</source>
        <translation>Den gewählten Punkt herausnehmen</translation>
    </message>
    <message>
        <source>At</source>
        <translation>Bei</translation>
    </message>
    <message>
        <source>free</source>
        <translation>frei</translation>
    </message>
    <message>
        <source>{0} s: {1}</source>
        <translation>{0} s: {1}</translation>
    </message>
</context>
<context>
    <name>Timeline</name>
    <message>
        <source>{0} is damaged: it cannot be decoded to its end ({1}). Export it again from where it came.</source>
        <translation>{0} ist beschädigt: es lässt sich nicht bis zum Ende lesen ({1}). Dort, woher es kommt, noch einmal exportieren.</translation>
    </message>
    <message>
        <source>pre-roll</source>
        <translation>Vorlauf</translation>
    </message>
    <message>
        <source>preview</source>
        <translation>Vorschau</translation>
    </message>
    <message>
        <source>Reading…</source>
        <translation>Wird gelesen …</translation>
    </message>
    <message>
        <source>waiting</source>
        <translation>wartet</translation>
    </message>
    <message>
        <source>preview to {0}</source>
        <translation>Vorschau bis {0}</translation>
    </message>
    <message>
        <source>upsampled {0} %</source>
        <translation>{0} % verfeinert</translation>
    </message>
    <message>
        <source>and {0} more</source>
        <translation>und {0} mehr</translation>
    </message>
    <message>
        <source>{0} {1} %</source>
        <translation>{0} {1} %</translation>
    </message>
</context>
<context>
    <name>TimelineView</name>
    <message>
        <source>Drop a clip here, or send one from your DAW.</source>
        <translation>Einen Clip hierher ziehen oder aus der DAW senden.</translation>
    </message>
    <message>
        <source>Timeline</source>
        <translation>Zeitachse</translation>
    </message>
    <message>
        <source>Scroll the timeline in time</source>
        <translation>Die Zeitachse in der Zeit verschieben</translation>
    </message>
    <message>
        <source>Scroll the lanes</source>
        <translation>Die Spuren verschieben</translation>
    </message>
    <message>
        <source>1 bar</source>
        <translation>1 Takt</translation>
    </message>
    <message>
        <source>{0} bars</source>
        <translation>{0} Takte</translation>
    </message>
    <message>
        <source>Joined to the clip at {0}</source>
        <translation>Mit dem Clip verbunden bei {0}</translation>
    </message>
    <message>
        <source>Lane {0} of {1}: {2}</source>
        <translation>Spur {0} von {1}: {2}</translation>
    </message>
    <message>
        <source>playhead at {0}</source>
        <translation>Abspielposition bei {0}</translation>
    </message>
    <message>
        <source>chosen</source>
        <translation>gewählt</translation>
    </message>
    <message>
        <source>preview</source>
        <translation>Vorschau</translation>
    </message>
    <message>
        <source>upsampled {0} %</source>
        <translation>{0} % verfeinert</translation>
    </message>
    <message>
        <source>spectrogram</source>
        <translation>Spektrogramm</translation>
    </message>
    <message>
        <source>selected {0} to {1}, {2}</source>
        <translation>ausgewählt {0} bis {1}, {2}</translation>
    </message>
    <message>
        <source>breakpoint, {0} {1} %</source>
        <translation>Punkt, {0} {1} %</translation>
    </message>
</context>
<context>
    <name>ToolRow</name>
    <message>
        <source>No snap</source>
        <translation>Kein Raster</translation>
    </message>
    <message>
        <source>Snap to beats</source>
        <translation>Raster: Schläge</translation>
    </message>
    <message>
        <source>Snap to bars</source>
        <translation>Raster: Takte</translation>
    </message>
    <message>
        <source>Snap</source>
        <translation>Raster</translation>
    </message>
    <message>
        <source>What the ends of a selection snap to</source>
        <translation>Woran die Enden einer Auswahl einrasten</translation>
    </message>
    <message>
        <source>No pre-roll</source>
        <translation>Kein Vorlauf</translation>
    </message>
    <message>
        <source>Pre-roll 1 bar</source>
        <translation>Vorlauf 1 Takt</translation>
    </message>
    <message numerus="yes">
        <source>Pre-roll %n bars</source>
        <translation>
            <numerusform>Vorlauf %n Takt</numerusform>
            <numerusform>Vorlauf %n Takte</numerusform>
        </translation>
    </message>
    <message>
        <source>Pre-roll</source>
        <translation>Vorlauf</translation>
    </message>
    <message>
        <source>What is played before a selection</source>
        <translation>Was vor einer Auswahl gespielt wird</translation>
    </message>
</context>
<context>
    <name>Tour</name>
    <message>
        <source>Tour</source>
        <translation>Rundgang</translation>
    </message>
    <message>
        <source>End the tour</source>
        <translation>Rundgang beenden</translation>
    </message>
    <message>
        <source>{n} of {total}</source>
        <translation>{n} von {total}</translation>
    </message>
    <message>
        <source>Next</source>
        <translation>Weiter</translation>
    </message>
    <message>
        <source>Done</source>
        <translation>Fertig</translation>
    </message>
</context>
<context>
    <name>TransportBar</name>
    <message>
        <source>Back to the start</source>
        <translation>Zurück zum Anfang</translation>
    </message>
    <message>
        <source>Play</source>
        <translation>Abspielen</translation>
    </message>
    <message>
        <source>Loop the selection</source>
        <translation>Auswahl wiederholen</translation>
    </message>
    <message>
        <source>Playhead</source>
        <translation>Abspielposition</translation>
    </message>
    <message>
        <source>In context: hear the clip around</source>
        <translation>Im Zusammenhang: den Clip davor und danach hören</translation>
    </message>
    <message>
        <source>As loud as the clip</source>
        <translation>So laut wie der Clip</translation>
    </message>
    <message>
        <source>Audio</source>
        <translation>Audio</translation>
    </message>
    <message>
        <source>Tempo</source>
        <translation>Tempo</translation>
    </message>
    <message>
        <source>MIDI</source>
        <translation>MIDI</translation>
    </message>
    <message>
        <source>DAW</source>
        <translation>DAW</translation>
    </message>
    <message>
        <source>Engine</source>
        <translation>Erzeuger</translation>
    </message>
    <message>
        <source>Stop</source>
        <translation>Anhalten</translation>
    </message>
    <message>
        <source>Clip</source>
        <translation>Clip</translation>
    </message>
    <message>
        <source>Hear {name} ({key})</source>
        <translation>{name} hören ({key})</translation>
    </message>
</context>
<context>
    <name>Undo</name>
    <message>
        <source>Undo</source>
        <translation>Rückgängig</translation>
    </message>
    <message>
        <source>Redo</source>
        <translation>Wiederholen</translation>
    </message>
    <message>
        <source>Undone: {what}</source>
        <translation>Rückgängig gemacht: {what}</translation>
    </message>
    <message>
        <source>Done again: {what}</source>
        <translation>Wiederholt: {what}</translation>
    </message>
    <message>
        <source>Operation</source>
        <translation>Aufgabe</translation>
    </message>
    <message>
        <source>Length</source>
        <translation>Länge</translation>
    </message>
    <message>
        <source>Keep</source>
        <translation>Bewahren</translation>
    </message>
    <message>
        <source>Style</source>
        <translation>Stil</translation>
    </message>
    <message>
        <source>Words</source>
        <translation>Worte</translation>
    </message>
    <message>
        <source>Variants</source>
        <translation>Varianten</translation>
    </message>
    <message>
        <source>Seed</source>
        <translation>Startwert</translation>
    </message>
    <message>
        <source>Settings</source>
        <translation>Einstellungen</translation>
    </message>
</context>
<context>
    <name>VariantDelegate</name>
    <message>
        <source>preview</source>
        <translation>Vorschau</translation>
    </message>
</context>
<context>
    <name>VariantHistory</name>
    <message>
        <source>Show hidden variants too</source>
        <translation>Auch ausgeblendete Varianten zeigen</translation>
    </message>
    <message>
        <source>Variants</source>
        <translation>Varianten</translation>
    </message>
    <message>
        <source>Search names, notes, styles</source>
        <translation>Namen, Notizen, Stile suchen</translation>
    </message>
    <message>
        <source>Search variants</source>
        <translation>Varianten suchen</translation>
    </message>
    <message>
        <source>{n} of 5 stars</source>
        <translation>{n} von 5 Sternen</translation>
    </message>
    <message>
        <source>Rate with {n} of 5 stars (Alt+{n})</source>
        <translation>Mit {n} von 5 Sternen bewerten (Alt+{n})</translation>
    </message>
    <message>
        <source>A note on this variant</source>
        <translation>Eine Notiz zu dieser Variante</translation>
    </message>
    <message>
        <source>Note on the variant</source>
        <translation>Notiz zur Variante</translation>
    </message>
    <message>
        <source>Nothing found.</source>
        <translation>Nichts gefunden.</translation>
    </message>
    <message>
        <source>No variants yet: press Generate.</source>
        <translation>Noch keine Varianten: „Erzeugen“ drücken.</translation>
    </message>
</context>
<context>
    <name>VariantModel</name>
    <message>
        <source>Seed {seed}</source>
        <translation>Startwert {seed}</translation>
    </message>
    <message>
        <source>{n} of 5 stars</source>
        <translation>{n} von 5 Sternen</translation>
    </message>
    <message>
        <source>preview</source>
        <translation>Vorschau</translation>
    </message>
    <message>
        <source>hidden</source>
        <translation>ausgeblendet</translation>
    </message>
</context>
<context>
    <name>Words</name>
    <message>
        <source>Continue</source>
        <translation>Fortsetzen</translation>
    </message>
    <message>
        <source>Restyle</source>
        <translation>Neuer Stil</translation>
    </message>
    <message>
        <source>Re-sing</source>
        <translation>Neu singen</translation>
    </message>
    <message>
        <source>Vary</source>
        <translation>Variieren</translation>
    </message>
    <message>
        <source>Upsample</source>
        <translation>Verfeinern</translation>
    </message>
    <message>
        <source>Add clip</source>
        <translation>Clip hinzufügen</translation>
    </message>
    <message>
        <source>Edit clip</source>
        <translation>Clip ändern</translation>
    </message>
    <message>
        <source>Rename clip</source>
        <translation>Clip umbenennen</translation>
    </message>
    <message>
        <source>Remove clip</source>
        <translation>Clip entfernen</translation>
    </message>
    <message>
        <source>Edit notes</source>
        <translation>Notizen ändern</translation>
    </message>
    <message>
        <source>Rename</source>
        <translation>Umbenennen</translation>
    </message>
    <message>
        <source>Rate</source>
        <translation>Bewerten</translation>
    </message>
    <message>
        <source>Hide</source>
        <translation>Ausblenden</translation>
    </message>
    <message>
        <source>Show</source>
        <translation>Einblenden</translation>
    </message>
    <message>
        <source>Prune</source>
        <translation>Stutzen</translation>
    </message>
    <message>
        <source>Branch</source>
        <translation>Abzweigen</translation>
    </message>
    <message>
        <source>Reorder queue</source>
        <translation>Warteschlange ordnen</translation>
    </message>
    <message>
        <source>{0}. Commercial use of the music is allowed by it.</source>
        <translation>{0}. Sie erlaubt, die Musik auch kommerziell zu nutzen.</translation>
    </message>
    <message>
        <source>{0}. Not for commercial use: neither the model nor the music made with it.</source>
        <translation>{0}. Nicht für kommerzielle Nutzung: weder das Modell noch die damit gemachte Musik.</translation>
    </message>
    <message>
        <source>When you share the music, say: “{0}”</source>
        <translation>Wer die Musik weitergibt, sagt dazu: „{0}“</translation>
    </message>
    <message>
        <source>temperature {0}</source>
        <translation>Temperatur {0}</translation>
    </message>
    <message>
        <source>, the likeliest {0} codes</source>
        <translation>, die {0} wahrscheinlichsten Codes</translation>
    </message>
    <message>
        <source>, the likeliest share {0}</source>
        <translation>, der wahrscheinlichste Anteil {0}</translation>
    </message>
    <message>
        <source>Ableton Link</source>
        <translation>Ableton Link</translation>
    </message>
    <message>
        <source>MIDI clock</source>
        <translation>MIDI-Clock</translation>
    </message>
    <message>
        <source>the DAW</source>
        <translation>der DAW</translation>
    </message>
    <message>
        <source>{tempo} BPM from {source}, playing.</source>
        <translation>{tempo} BPM von {source}, spielt.</translation>
    </message>
    <message>
        <source>{tempo} BPM from {source}, stopped.</source>
        <translation>{tempo} BPM von {source}, steht.</translation>
    </message>
    <message>
        <source>Lost: {source}.</source>
        <translation>Verloren: {source}.</translation>
    </message>
    <message>
        <source>note {0}</source>
        <translation>Note {0}</translation>
    </message>
    <message>
        <source>CC {0}</source>
        <translation>CC {0}</translation>
    </message>
    <message>
        <source>CC {0} (14 bit)</source>
        <translation>CC {0} (14 Bit)</translation>
    </message>
    <message>
        <source>{0}, any channel</source>
        <translation>{0}, jeder Kanal</translation>
    </message>
    <message>
        <source>{0}, channel {1}</source>
        <translation>{0}, Kanal {1}</translation>
    </message>
    <message>
        <source>Sounds like {tempo} BPM (sure, {percent}%); it may be {others}.</source>
        <translation>Klingt nach {tempo} BPM (sicher, {percent} %); es könnten {others} sein.</translation>
    </message>
    <message>
        <source>Sounds like {tempo} BPM (fairly sure, {percent}%); it may be {others}.</source>
        <translation>Klingt nach {tempo} BPM (recht sicher, {percent} %); es könnten {others} sein.</translation>
    </message>
    <message>
        <source>Sounds like {tempo} BPM (not sure, {percent}%); it may be {others}.</source>
        <translation>Klingt nach {tempo} BPM (unsicher, {percent} %); es könnten {others} sein.</translation>
    </message>
    <message>
        <source> or </source>
        <translation> oder </translation>
    </message>
</context>
</TS>
