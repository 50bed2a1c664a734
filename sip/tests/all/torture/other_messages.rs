//! The messages of RFC 4475 sections 3.2 to 3.4, which are about meaning.

/// Section 3.2.1: a branch that is only the magic cookie.
pub const BADBRANCH: &[u8] = b"\
OPTIONS sip:user@example.com SIP/2.0\r\n\
To: sip:user@example.com\r\n\
From: sip:caller@example.org;tag=33242\r\n\
Max-Forwards: 3\r\n\
Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK\r\n\
Accept: application/sdp\r\n\
Call-ID: badbranch.sadonfo23i420jv0as0derf3j3n\r\n\
CSeq: 8 OPTIONS\r\n\
l: 0\r\n\
\r\n";

/// Section 3.3.1: mandatory headers missing.
pub const INSUF: &[u8] = b"\
INVITE sip:user@example.com SIP/2.0\r\n\
CSeq: 193942 INVITE\r\n\
Via: SIP/2.0/UDP 192.0.2.95;branch=z9hG4bKkdj.insuf\r\n\
Content-Type: application/sdp\r\n\
l: 152\r\n\
\r\n\
v=0\r\n\
o=mhandley 29739 7272939 IN IP4 192.0.2.95\r\n\
s=-\r\n\
c=IN IP4 192.0.2.95\r\n\
t=0 0\r\n\
m=audio 49217 RTP/AVP 0 12\r\n\
m=video 3227 RTP/AVP 31\r\n\
a=rtpmap:31 LPC\r\n";

/// Section 3.3.2: an unknown scheme in the Request-URI.
pub const UNKSCM: &[u8] = b"\
OPTIONS nobodyKnowsThisScheme:totallyopaquecontent SIP/2.0\r\n\
To: sip:user@example.com\r\n\
From: sip:caller@example.net;tag=384\r\n\
Max-Forwards: 3\r\n\
Call-ID: unkscm.nasdfasser0q239nwsdfasdkl34\r\n\
CSeq: 3923423 OPTIONS\r\n\
Via: SIP/2.0/TCP host9.example.com;branch=z9hG4bKkdjuw39234\r\n\
Content-Length: 0\r\n\
\r\n";

/// Section 3.3.3: a known but unusual scheme in the Request-URI.
pub const NOVELSC: &[u8] = b"\
OPTIONS soap.beep://192.0.2.103:3002 SIP/2.0\r\n\
To: sip:user@example.com\r\n\
From: sip:caller@example.net;tag=384\r\n\
Max-Forwards: 3\r\n\
Call-ID: novelsc.asdfasser0q239nwsdfasdkl34\r\n\
CSeq: 3923423 OPTIONS\r\n\
Via: SIP/2.0/TCP host9.example.com;branch=z9hG4bKkdjuw39234\r\n\
Content-Length: 0\r\n\
\r\n";

/// Section 3.3.4: unusual schemes in From, To and Contact.
pub const UNKSM2: &[u8] = b"\
REGISTER sip:example.com SIP/2.0\r\n\
To: isbn:2983792873\r\n\
From: <http://www.example.com>;tag=3234233\r\n\
Call-ID: unksm2.daksdj@hyphenated-host.example.com\r\n\
CSeq: 234902 REGISTER\r\n\
Max-Forwards: 70\r\n\
Via: SIP/2.0/UDP 192.0.2.21:5060;branch=z9hG4bKkdjuw\r\n\
Contact: <name:John_Smith>\r\n\
l: 0\r\n\
\r\n";

/// Section 3.3.5: unknown option tags.
pub const BEXT01: &[u8] = b"\
OPTIONS sip:user@example.com SIP/2.0\r\n\
To: sip:j_user@example.com\r\n\
From: sip:caller@example.net;tag=242etr\r\n\
Max-Forwards: 6\r\n\
Call-ID: bext01.0ha0isndaksdj\r\n\
Require: nothingSupportsThis, nothingSupportsThisEither\r\n\
Proxy-Require: noProxiesSupportThis, norDoAnyProxiesSupportThis\r\n\
CSeq: 8 OPTIONS\r\n\
Via: SIP/2.0/TLS fold-and-staple.example.com;branch=z9hG4bKkdjuw\r\n\
Content-Length: 0\r\n\
\r\n";

/// Section 3.3.6: an unknown content type.
pub const INVUT: &[u8] = b"\
INVITE sip:user@example.com SIP/2.0\r\n\
Contact: <sip:caller@host5.example.net>\r\n\
To: sip:j.user@example.com\r\n\
From: sip:caller@example.net;tag=8392034\r\n\
Max-Forwards: 70\r\n\
Call-ID: invut.0ha0isndaksdjadsfij34n23d\r\n\
CSeq: 235448 INVITE\r\n\
Via: SIP/2.0/UDP somehost.example.com;branch=z9hG4bKkdjuw\r\n\
Content-Type: application/unknownformat\r\n\
Content-Length: 40\r\n\
\r\n\
<audio>\r\n\
\x20<pcmu port=\"443\"/>\r\n\
</audio>\r\n";

/// Section 3.3.7: an unknown authorization scheme.
pub const REGAUT01: &[u8] = b"\
REGISTER sip:example.com SIP/2.0\r\n\
To: sip:j.user@example.com\r\n\
From: sip:j.user@example.com;tag=87321hj23128\r\n\
Max-Forwards: 8\r\n\
Call-ID: regaut01.0ha0isndaksdj\r\n\
CSeq: 9338 REGISTER\r\n\
Via: SIP/2.0/TCP 192.0.2.253;branch=z9hG4bKkdjuw\r\n\
Authorization: NoOneKnowsThisScheme opaque-data=here\r\n\
Content-Length:0\r\n\
\r\n";

/// Section 3.3.8: single headers that stand twice.
pub const MULTI01: &[u8] = b"\
INVITE sip:user@company.com SIP/2.0\r\n\
Contact: <sip:caller@host25.example.net>\r\n\
Via: SIP/2.0/UDP 192.0.2.25;branch=z9hG4bKkdjuw\r\n\
Max-Forwards: 70\r\n\
CSeq: 5 INVITE\r\n\
Call-ID: multi01.98asdh@192.0.2.1\r\n\
CSeq: 59 INVITE\r\n\
Call-ID: multi01.98asdh@192.0.2.2\r\n\
From: sip:caller@example.com;tag=3413415\r\n\
To: sip:user@example.com\r\n\
To: sip:other@example.net\r\n\
From: sip:caller@example.net;tag=2923420123\r\n\
Content-Type: application/sdp\r\n\
l: 154\r\n\
Contact: <sip:caller@host36.example.net>\r\n\
Max-Forwards: 5\r\n\
\r\n\
v=0\r\n\
o=mhandley 29739 7272939 IN IP4 192.0.2.25\r\n\
s=-\r\n\
c=IN IP4 192.0.2.25\r\n\
t=0 0\r\n\
m=audio 49217 RTP/AVP 0 12\r\n\
m=video 3227 RTP/AVP 31\r\n\
a=rtpmap:31 LPC\r\n\
\r\n";

/// Section 3.3.9: two Content-Lengths.
pub const MCL01: &[u8] = b"\
OPTIONS sip:user@example.com SIP/2.0\r\n\
Via: SIP/2.0/UDP host5.example.net;branch=z9hG4bK293423\r\n\
To: sip:user@example.com\r\n\
From: sip:other@example.net;tag=3923942\r\n\
Call-ID: mcl01.fhn2323orihawfdoa3o4r52o3irsdf\r\n\
CSeq: 15932 OPTIONS\r\n\
Content-Length: 13\r\n\
Max-Forwards: 60\r\n\
Content-Length: 5\r\n\
Content-Type: text/plain\r\n\
\r\n\
There's no way to know how many octets are supposed to be here.\r\n\
\r\n";

/// Section 3.3.10: a response with a broadcast address in its second Via.
pub const BCAST: &[u8] = b"\
SIP/2.0 200 OK\r\n\
Via: SIP/2.0/UDP 192.0.2.198;branch=z9hG4bK1324923\r\n\
Via: SIP/2.0/UDP 255.255.255.255;branch=z9hG4bK1saber23\r\n\
Call-ID: bcast.0384840201234ksdfak3j2erwedfsASdf\r\n\
CSeq: 35 INVITE\r\n\
From: sip:user@example.com;tag=11141343\r\n\
To: sip:user@example.edu;tag=2229\r\n\
Content-Length: 154\r\n\
Content-Type: application/sdp\r\n\
Contact: <sip:user@host28.example.com>\r\n\
\r\n\
v=0\r\n\
o=mhandley 29739 7272939 IN IP4 192.0.2.198\r\n\
s=-\r\n\
c=IN IP4 192.0.2.198\r\n\
t=0 0\r\n\
m=audio 49217 RTP/AVP 0 12\r\n\
m=video 3227 RTP/AVP 31\r\n\
a=rtpmap:31 LPC\r\n";

/// Section 3.3.11: Max-Forwards of zero.
pub const ZEROMF: &[u8] = b"\
OPTIONS sip:user@example.com SIP/2.0\r\n\
To: sip:user@example.com\r\n\
From: sip:caller@example.net;tag=3ghsd41\r\n\
Call-ID: zeromf.jfasdlfnm2o2l43r5u0asdfas\r\n\
CSeq: 39234321 OPTIONS\r\n\
Via: SIP/2.0/UDP host1.example.com;branch=z9hG4bKkdjuw2349i\r\n\
Max-Forwards: 0\r\n\
Content-Length: 0\r\n\
\r\n";

/// Section 3.3.12: a parameter of Contact.
pub const CPARAM01: &[u8] = b"\
REGISTER sip:example.com SIP/2.0\r\n\
Via: SIP/2.0/UDP saturn.example.com:5060;branch=z9hG4bKkdjuw\r\n\
Max-Forwards: 70\r\n\
From: sip:watson@example.com;tag=DkfVgjkrtMwaerKKpe\r\n\
To: sip:watson@example.com\r\n\
Call-ID: cparam01.70710@saturn.example.com\r\n\
CSeq: 2 REGISTER\r\n\
Contact: sip:+19725552222@gw1.example.net;unknownparam\r\n\
l: 0\r\n\
\r\n";

/// Section 3.3.13: a parameter of the Contact URI.
pub const CPARAM02: &[u8] = b"\
REGISTER sip:example.com SIP/2.0\r\n\
Via: SIP/2.0/UDP saturn.example.com:5060;branch=z9hG4bKkdjuw\r\n\
Max-Forwards: 70\r\n\
From: sip:watson@example.com;tag=838293\r\n\
To: sip:watson@example.com\r\n\
Call-ID: cparam02.70710@saturn.example.com\r\n\
CSeq: 3 REGISTER\r\n\
Contact: <sip:+19725552222@gw1.example.net;unknownparam>\r\n\
l: 0\r\n\
\r\n";

/// Section 3.3.14: a header in the Contact URI.
pub const REGESCRT: &[u8] = b"\
REGISTER sip:example.com SIP/2.0\r\n\
To: sip:user@example.com\r\n\
From: sip:user@example.com;tag=8\r\n\
Max-Forwards: 70\r\n\
Call-ID: regescrt.k345asrl3fdbv@192.0.2.1\r\n\
CSeq: 14398234 REGISTER\r\n\
Via: SIP/2.0/UDP host5.example.com;branch=z9hG4bKkdjuw\r\n\
M: <sip:user@example.com?Route=%3Csip:sip.example.com%3E>\r\n\
L:0\r\n\
\r\n";

/// Section 3.3.15: an Accept that cannot be satisfied.
pub const SDP01: &[u8] = b"\
INVITE sip:user@example.com SIP/2.0\r\n\
To: sip:j_user@example.com\r\n\
Contact: <sip:caller@host15.example.net>\r\n\
From: sip:caller@example.net;tag=234\r\n\
Max-Forwards: 5\r\n\
Call-ID: sdp01.ndaksdj9342dasdd\r\n\
Accept: text/nobodyKnowsThis\r\n\
CSeq: 8 INVITE\r\n\
Via: SIP/2.0/UDP 192.0.2.15;branch=z9hG4bKkdjuw\r\n\
Content-Length: 150\r\n\
Content-Type: application/sdp\r\n\
\r\n\
v=0\r\n\
o=mhandley 29739 7272939 IN IP4 192.0.2.5\r\n\
s=-\r\n\
c=IN IP4 192.0.2.5\r\n\
t=0 0\r\n\
m=audio 49217 RTP/AVP 0 12\r\n\
m=video 3227 RTP/AVP 31\r\n\
a=rtpmap:31 LPC\r\n";

/// Section 3.4.1: an INVITE of RFC 2543.
pub const INV2543: &[u8] = b"\
INVITE sip:UserB@example.com SIP/2.0\r\n\
Via: SIP/2.0/UDP iftgw.example.com\r\n\
From: <sip:+13035551111@ift.client.example.net;user=phone>\r\n\
Record-Route: <sip:UserB@example.com;maddr=ss1.example.com>\r\n\
To: sip:+16505552222@ss1.example.net;user=phone\r\n\
Call-ID: inv2543.1717@ift.client.example.com\r\n\
CSeq: 56 INVITE\r\n\
Content-Type: application/sdp\r\n\
\r\n\
v=0\r\n\
o=mhandley 29739 7272939 IN IP4 192.0.2.5\r\n\
s=-\r\n\
c=IN IP4 192.0.2.5\r\n\
t=0 0\r\n\
m=audio 49217 RTP/AVP 0\r\n";
