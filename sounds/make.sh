#!/bin/sh
# Makes every WAV below this folder: 8 kHz, mono, 16 bit.
# Speech is espeak-ng's, tones and music are sox's; the tune is ours.
# Repeatable: no dither, and sox seeds its noise the same way each time.
set -eu
cd "$(dirname "$0")"

need() {
    command -v "$1" >/dev/null || { echo "sounds: $1 is missing: apt-get install $1" >&2; exit 1; }
}
need espeak-ng
need sox

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
rm -rf en music tones
mkdir -p en/digits en/voicemail en/menu en/conference en/forward en/pickup en/park music tones

# say FILE TEXT [WORDS_A_MINUTE]: telephone band, both ends trimmed, 60 ms of air around.
say() {
    espeak-ng -v en-us -s "${3:-150}" -p 42 -w "$work/raw.wav" "$2"
    sox -D "$work/raw.wav" -r 8000 -c 1 -b 16 "en/$1.wav" \
        highpass 200 lowpass 3400 \
        silence 1 0.02 0.3% reverse silence 1 0.02 0.3% reverse \
        gain -n -6 pad 0.06 0.06
}

say unavailable           "The person you called is not available."
say busy                  "The person you called is busy."
say no-answer             "The person you called does not answer."
say not-in-service        "The number you dialled is not in service."
say cannot-complete       "Your call cannot be completed now."
say not-allowed           "You are not allowed to call this number."
say lines-busy            "All lines are busy. Please try again later."
say goodbye               "Goodbye."
say please-wait           "Please wait."
say number                "Number"
say echo                  "This is an echo test. You will hear what you say. Hang up to end."
say you-are-caller-number "You are caller number"
say thank-you             "Thank you."
say conference/full       "This conference is full."
say conference/locked     "This conference is locked."
say conference/muted      "You are muted."
say conference/unmuted    "You are not muted any more."
say estimated-wait        "Your estimated wait is"
say second                "second"
say seconds               "seconds"
say minute                "minute"
say minutes               "minutes"
say hour                  "hour"
say hours                 "hours"
say digits/star           "star"
say digits/pound          "pound"
say caller-waited         "The caller has waited"
say to-accept-press       "There is a call for you. To take it, press"
say callback-offer        "To be called back without losing your place, press"
say callback-accepted     "We will call you back. Your place in the queue is kept."
say callback-greeting     "This is the call back that you asked for. You will be connected now."
say rate-call             "Please rate this call by a key, from one, for bad, up to the best, which is"
say all-agents-busy       "Nobody can take your call now. Please try again later."
say enter-agent-id        "Please enter your agent number, then pound."
say enter-pin             "Please enter your PIN, then pound."
say wrong-pin             "That is not correct."
say agent-logged-in       "You are logged in."
say agent-logged-out      "You are logged out."

# Mailboxes and menus.
say voicemail/leave-message     "Please leave a message after the tone. To end it, press pound, or hang up."
say voicemail/mailbox-full      "The mailbox is full."
say voicemail/message-saved     "Your message has been saved."
say voicemail/to-mark-urgent    "If it is urgent, press one."
say voicemail/marked-urgent     "It is marked as urgent."
say voicemail/nothing-recorded  "Nothing was recorded."
say voicemail/locked            "There were too many wrong attempts. Please try again later."
say voicemail/you-have          "You have"
say voicemail/no-messages       "You have no messages."
say voicemail/and               "and"
say voicemail/new-message       "new message"
say voicemail/new-messages      "new messages"
say voicemail/old-message       "old message"
say voicemail/old-messages      "old messages"
say voicemail/urgent-message    "urgent message"
say voicemail/from              "from"
say voicemail/from-unknown      "from an unknown number"
say voicemail/today             "today"
say voicemail/yesterday         "yesterday"
say voicemail/days-ago          "days ago"
say voicemail/at                "at"
say voicemail/oclock            "o'clock"
say voicemail/main-menu         "To listen to your messages, press one. To change your greeting, press zero. To leave, press pound."
say voicemail/message-menu      "To hear it again, press one. For the next message, two. For the one before, four. To delete it, seven. To keep it, nine. For the main menu, star."
say voicemail/message-deleted   "The message is deleted."
say voicemail/message-kept      "The message is kept."
say voicemail/no-more-messages  "There are no more messages."
say voicemail/record-greeting   "Please speak your greeting after the tone, and press pound at its end. For the usual greeting, press seven. To leave it as it is, press star."
say voicemail/greeting-menu     "To keep this greeting, press one. To speak it again, press two. To drop it, press star."
say voicemail/greeting-kept     "Your greeting is kept."
say voicemail/greeting-dropped  "Your greeting stays as it was."
say voicemail/greeting-usual    "Callers hear the usual greeting."
say menu/invalid                "That key is not in use."

# Pickup and parking.
say pickup/nothing-rings "Nothing rings there, or somebody has answered already."
say pickup/not-allowed   "You are not allowed to take this call."
say pickup/taken         "Somebody else has taken this call."
say park/parked-at       "The call is parked at"
say park/full            "All parking places are taken."
say park/empty           "Nobody is parked there."

# What a phone's owner sets by code.
say forward/dnd-on              "Do not disturb is on."
say forward/dnd-off             "Do not disturb is off."
say forward/all-on              "All your calls are forwarded to"
say forward/all-off             "Your calls are no longer forwarded."
say forward/busy-on             "While you are busy, calls are forwarded to"
say forward/busy-off            "While you are busy, calls are no longer forwarded."
say forward/no-answer-on        "When you do not answer, calls are forwarded to"
say forward/no-answer-off       "When you do not answer, calls are no longer forwarded."
say forward/unregistered-on     "While your phone is not connected, calls are forwarded to"
say forward/unregistered-off    "While your phone is not connected, calls are no longer forwarded."
say forward/not-possible        "Calls cannot be forwarded to this number."

for n in 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 30 40 50 60 70 80 90; do
    say "digits/$n" "$n" 140
done
say digits/hundred "hundred" 140
say digits/thousand "thousand" 140

# tone FILE ON_S OFF_S HZ HZ: one period of a cadence, made to be looped.
tone() {
    sox -D -r 8000 -c 2 -n -c 1 -b 16 "tones/$1.wav" \
        synth "$2" sine "$4" sine "$5" remix - gain -n -16 fade t 0.004 "$2" 0.004 pad 0 "$3"
}

# The cadences of ITU-T E.180 for North America, as the speech is American English.
tone ringback   2    4    440 480
tone busy       0.5  0.5  480 620
tone congestion 0.25 0.25 480 620
tone beep       0.4  0.05 1000 1000
tone join       0.3  0.05 660 880
tone leave      0.3  0.05 440 330
# Silence between two repetitions of a question.
sox -D -r 8000 -n -c 1 -b 16 tones/pause.wav trim 0 1.5

# bar NUMBER AT_S BASS N1 N2 N3 N4: a soft chord and eight plucked notes of it, 0.35 s apart.
bar() {
    sox -D -r 48000 -c 5 -n -c 1 -b 16 "$work/pad.wav" \
        synth 3 sine "$3" sine "$4" sine "$5" sine "$6" sine "$7" \
        fade q 0.5 3 0.7 remix - gain -n -20
    sox -D -r 48000 -c 8 -n -c 1 -b 16 "$work/pluck.wav" \
        synth 1.6 pluck "$4" pluck "$6" pluck "$7" pluck "$5" \
        pluck "$6" pluck "$7" pluck "$5" pluck "$6" \
        fade t 0 1.6 0.5 delay 0 0.35 0.7 1.05 1.4 1.75 2.1 2.45 remix - gain -n -9
    sox -D -m "$work/pad.wav" "$work/pluck.wav" "$work/bar$1.wav" pad "$2" 0
}

bar 1 0    C3 E4 G4 B4 C5
bar 2 2.8  A2 E4 G4 A4 C5
bar 3 5.6  F2 F4 A4 C5 E5
bar 4 8.4  G2 D4 G4 A4 B4
bar 5 11.2 E3 E4 G4 B4 D5
bar 6 14   A2 E4 G4 A4 C5
bar 7 16.8 D3 F4 A4 C5 D5
bar 8 19.6 G2 F4 G4 B4 D5

# The last bar's notes ring on into the first, so that the loop has no seam.
sox -D -m "$work"/bar?.wav "$work/all.wav"
sox -D "$work/all.wav" "$work/body.wav" trim 0 22.4
sox -D "$work/all.wav" "$work/tail.wav" trim 22.4
sox -D -m "$work/body.wav" "$work/tail.wav" -c 1 -r 8000 -b 16 music/hold.wav \
    lowpass 3000 gain -n -8

du -sk en music tones
