package journey_test

import (
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"

	"zapas/functions/internal/gateway/gatewaytest"
	"zapas/shared/api"
)

// nowhere is an id that names nothing.
const nowhere = "7ZZZZZZZZZZZZZZZZZZZZZZZZZ"

// TestForeign: whatever id of another's is put wherever an id stands, the answer is, byte for byte, that of an id which
// names nothing, and nothing of the other's changes.
func TestForeign(t *testing.T) {
	t.Parallel()
	j := travel(open(t, gatewaytest.NewIssuer(t)))
	// Anna's second restore stays open, and so does a backup of hers.
	asked := good[api.Restore](t, j.anna.ask("createMyRestore", "", "", api.RestoreInput{Snapshot: j.snapshots[1], Device: &j.fresh.ID}), 201)
	reading := j.fresh.begin(api.SessionInput{Kind: api.SessionInputKindRestore, Restore: &asked.Id})
	writing := j.old.begin(api.SessionInput{Kind: api.SessionInputKindBackup, Profile: &j.profile.Id})
	proving := j.old.begin(api.SessionInput{Kind: api.SessionInputKindVerify})

	// Piotr has all of his own.
	piotr := person{j.world, "piotr", nil}
	his, second := piotr.enrol("His"), piotr.enrol("His second")
	theirs := journey{world: j.world, anna: piotr, old: his, fresh: second, profile: j.profile, keys: map[string]string{}}
	theirs.old = second
	theirSecond := theirs.backup("", nil, [][]byte{chunk("his second")}, 1, 0)
	theirs.old = his
	mine := theirs.backup("", nil, [][]byte{chunk("his")}, 1, 0)
	consent := good[api.Restore](t, piotr.ask("createMyRestore", "", "", api.RestoreInput{Snapshot: mine, Device: &his.ID}), 201)
	open := his.begin(api.SessionInput{Kind: api.SessionInputKindRestore, Restore: &consent.Id})

	own := his.begin(api.SessionInput{Kind: api.SessionInputKindVerify})

	before := j.state()
	id := func(s string) *string { return &s }
	counter := int64(100)
	chunks := api.ChunksInput{Chunks: []api.ChunkInput{{Sha256: strings.Repeat("A", 43), Size: 1}}}
	commit := ending([]api.AddedChunk{{Id: nowhere, Size: 30, Records: 1}}, []int{}, 1, 0)
	keys := api.KeysInput{PublicKey: b64(his.secret.PublicKey().Bytes()), Sessions: []string{mine}}
	result := func(session string) api.ResultInput {
		return api.ResultInput{Session: session, Ledger: api.RestoreLedgers{"messages": {}}}
	}
	session := func(kind api.SessionInputKind, change func(in *api.SessionInput)) api.SessionInput {
		in := api.SessionInput{Kind: kind}
		if kind != api.SessionInputKindRestore && kind != api.SessionInputKindVerify {
			in.Profile = &j.profile.Id
		}
		if kind != api.SessionInputKindUnchanged {
			in.Counter = &counter
		}
		if kind == api.SessionInputKindBackup {
			in.PublicKey = id(keys.PublicKey)
		}
		change(&in)
		return in
	}
	for _, probe := range []struct {
		name    string
		foreign []string // each takes the place of an id
		ask     func(id string) events.APIGatewayV2HTTPResponse
		status  int
	}{
		{"Card", []string{j.old.ID, j.fresh.ID}, func(id string) events.APIGatewayV2HTTPResponse { return piotr.ask("getMyDevice", id, "", nil) }, 404},
		{"Restore", []string{j.restore.Id, asked.Id}, func(id string) events.APIGatewayV2HTTPResponse { return piotr.ask("getMyRestore", id, "", nil) }, 404},
		{"ConsentToSnapshot", []string{j.snapshots[0], j.snapshots[1], *writing.Session, j.old.ID}, func(id string) events.APIGatewayV2HTTPResponse {
			return piotr.ask("createMyRestore", "", "", api.RestoreInput{Snapshot: id, Device: &his.ID})
		}, 404},
		{"ConsentToDevice", []string{j.old.ID, j.fresh.ID}, func(id string) events.APIGatewayV2HTTPResponse {
			return piotr.ask("createMyRestore", "", "", api.RestoreInput{Snapshot: mine, Device: &id})
		}, 404},
		{"BaseOfBackup", []string{j.snapshots[1]}, func(base string) events.APIGatewayV2HTTPResponse {
			return his.ask("beginSession", "", "", session("backup", func(in *api.SessionInput) { in.Base = &base }))
		}, 409},
		{"BaseOfOwnOtherDevice", []string{mine}, func(base string) events.APIGatewayV2HTTPResponse {
			return second.ask("beginSession", "", "", session("backup", func(in *api.SessionInput) { in.Base = &base }))
		}, 409},
		{"BaseOfUnchanged", []string{j.snapshots[1]}, func(base string) events.APIGatewayV2HTTPResponse {
			return his.ask("beginSession", "", "", session("unchanged", func(in *api.SessionInput) { in.Base = &base }))
		}, 409},
		{"RestoreToOpen", []string{asked.Id, j.restore.Id}, func(id string) events.APIGatewayV2HTTPResponse {
			return his.ask("beginSession", "", "", session("restore", func(in *api.SessionInput) { in.Restore = &id }))
		}, 404},
		{"RestoreOfOwnOtherDevice", []string{consent.Id}, func(id string) events.APIGatewayV2HTTPResponse {
			return second.ask("beginSession", "", "", session("restore", func(in *api.SessionInput) { in.Restore = &id }))
		}, 404},
		{"ToProve", []string{j.snapshots[0], j.snapshots[1], *writing.Session, *proving.Session}, func(base string) events.APIGatewayV2HTTPResponse {
			return his.ask("beginSession", "", "", session("verify", func(in *api.SessionInput) { in.Base = &base }))
		}, 404},
		{"ToProveOfOwnOtherDevice", []string{mine}, func(base string) events.APIGatewayV2HTTPResponse {
			return second.ask("beginSession", "", "", session("verify", func(in *api.SessionInput) { in.Base = &base }))
		}, 404},
		{"Base", []string{*proving.Session, *reading.Session, *open.Session}, func(id string) events.APIGatewayV2HTTPResponse { return his.ask("getBase", id, "", nil) }, 410},
		{"BaseOfOwnOtherDevice", []string{*own.Session}, func(id string) events.APIGatewayV2HTTPResponse { return second.ask("getBase", id, "", nil) }, 410},
		{"KeysOfAProof", []string{*proving.Session}, func(id string) events.APIGatewayV2HTTPResponse { return his.ask("releaseKeys", id, "", keys) }, 410},
		{"KeysOfOwnOtherDevicesProof", []string{*own.Session}, func(id string) events.APIGatewayV2HTTPResponse { return second.ask("releaseKeys", id, "", keys) }, 410},
		{"KeysForAProof", []string{j.snapshots[0], j.snapshots[1], *writing.Session, *proving.Session, theirSecond}, func(id string) events.APIGatewayV2HTTPResponse {
			return his.ask("releaseKeys", *own.Session, "", api.KeysInput{PublicKey: keys.PublicKey, Sessions: []string{mine, id}})
		}, 404},
		{"Prove", []string{*proving.Session, *writing.Session, *reading.Session, j.snapshots[1]}, func(id string) events.APIGatewayV2HTTPResponse {
			return his.ask("endSession", id, "outcome=proven", nil)
		}, 204},
		{"ProveOfOwnOtherDevice", []string{*own.Session, *open.Session, mine}, func(id string) events.APIGatewayV2HTTPResponse {
			return second.ask("endSession", id, "outcome=damaged", nil)
		}, 204},
		{"End", []string{*writing.Session, *reading.Session, j.snapshots[1]}, func(id string) events.APIGatewayV2HTTPResponse { return his.ask("endSession", id, "", nil) }, 204},
		{"EndOfOwnOtherDevice", []string{*open.Session, *own.Session, mine}, func(id string) events.APIGatewayV2HTTPResponse { return second.ask("endSession", id, "", nil) }, 204},
		{"Keys", []string{*reading.Session, *writing.Session, j.snapshots[1]}, func(id string) events.APIGatewayV2HTTPResponse { return his.ask("releaseKeys", id, "", keys) }, 410},
		{"KeysOfOwnOtherDevice", []string{*open.Session}, func(id string) events.APIGatewayV2HTTPResponse { return second.ask("releaseKeys", id, "", keys) }, 410},
		{"Sign", []string{*writing.Session, *reading.Session, *open.Session}, func(id string) events.APIGatewayV2HTTPResponse { return his.ask("signChunks", id, "", chunks) }, 410},
		{"Commit", []string{*writing.Session, *reading.Session, j.snapshots[1], *open.Session}, func(id string) events.APIGatewayV2HTTPResponse {
			return his.ask("commitSession", id, "", commit)
		}, 410},
		{"CommitOfOwnOtherDevice", []string{mine}, func(id string) events.APIGatewayV2HTTPResponse { return second.ask("commitSession", id, "", commit) }, 410},
		{"Manifest", []string{*reading.Session, *writing.Session, j.snapshots[1]}, func(id string) events.APIGatewayV2HTTPResponse { return his.ask("getManifest", id, "", nil) }, 410},
		{"ManifestOfOwnOtherDevice", []string{*open.Session}, func(id string) events.APIGatewayV2HTTPResponse { return second.ask("getManifest", id, "", nil) }, 410},
		{"Result", []string{asked.Id, j.restore.Id}, func(id string) events.APIGatewayV2HTTPResponse {
			return his.ask("reportRestore", id, "", result(*open.Session))
		}, 404},
		{"ResultOfOwnOtherDevice", []string{consent.Id}, func(id string) events.APIGatewayV2HTTPResponse {
			return second.ask("reportRestore", id, "", result(*open.Session))
		}, 404},
		{"ResultWithSession", []string{*reading.Session, *writing.Session}, func(session string) events.APIGatewayV2HTTPResponse {
			return his.ask("reportRestore", consent.Id, "", result(session))
		}, 410},
	} {
		t.Run(probe.name, func(t *testing.T) {
			none := probe.ask(nowhere)
			if none.StatusCode != probe.status {
				t.Errorf("what does not exist is answered with %d %s, want %d", none.StatusCode, none.Body, probe.status)
			}
			for _, foreign := range probe.foreign {
				if d := cmp.Diff(none, probe.ask(foreign)); d != "" {
					t.Errorf("what is another's (+) is not answered as what does not exist (-):\n%s", d)
				}
			}
		})
	}
	if d := cmp.Diff(before, j.state()); d != "" {
		t.Errorf("something of the other's has changed:\n%s", d)
	}
	if got := good[api.SnapshotList](t, piotr.ask("listMySnapshots", "", "", nil), 200).Snapshots; len(got) != 2 || got[0].Id != mine || got[1].Id != theirSecond {
		t.Errorf("piotr has %v", got)
	}
	// Whatever sessions he asks for, his keys are derived for himself.
	keys.Sessions = []string{j.snapshots[1], mine}
	released := good[api.Keys](t, his.ask("releaseKeys", *open.Session, "", keys), 200).Keys
	if got := his.unseal(j.snapshots[1], released[0].Key); got == j.keys[j.snapshots[1]] {
		t.Error("the key of another's session was released")
	}
	if his.unseal(mine, released[1].Key) != theirs.keys[mine] {
		t.Error("the key of his own session is another")
	}
}

// TestConsentIsFresh: a restore asks for a sign-in of the last five minutes.
func TestConsentIsFresh(t *testing.T) {
	t.Parallel()
	j := travel(open(t, gatewaytest.NewIssuer(t)))
	now := j.stack.Clock.Now()
	for name, row := range map[string]struct {
		authTime any
		status   int
	}{
		"Now":           {now.Unix(), http.StatusCreated},
		"FiveMinutes":   {now.Add(-5*time.Minute + time.Second).Unix(), http.StatusCreated},
		"LongerAgo":     {now.Add(-5*time.Minute - time.Second).Unix(), http.StatusForbidden},
		"NotSaid":       {nil, http.StatusForbidden},
		"InTimesToCome": {now.Add(time.Hour).Unix(), http.StatusForbidden},
	} {
		t.Run(name, func(t *testing.T) {
			claims := gatewaytest.Claims(now, "anna")
			if maps.DeleteFunc(claims, func(name string, _ any) bool { return name == "auth_time" }); row.authTime != nil {
				claims["auth_time"] = row.authTime
			}
			e := gatewaytest.Event("createMyRestore", "", "", api.RestoreInput{Snapshot: j.snapshots[1], Device: &j.fresh.ID})
			e.Headers["authorization"] = "Bearer " + gatewaytest.Sign(jwt.SigningMethodRS256, j.issuer.Key, nil, claims)
			out := j.world.ask(e, "createMyRestore")
			if out.StatusCode != row.status || row.status == http.StatusForbidden && !strings.Contains(out.Body, "sign_in_again") {
				t.Errorf("it is answered with %d %s", out.StatusCode, out.Body)
			}
		})
	}
}

// TestEnrol: a code works once, for the phone that used it as often as it likes, and only with proof of the key.
func TestEnrol(t *testing.T) {
	t.Parallel()
	w := open(t, gatewaytest.NewIssuer(t))
	anna := person{w, "anna", nil}
	code := good[api.Enrolment](t, anna.ask("createMyEnrolment", "", "", nil), 201)
	if want := "zapas://enrol?code=" + code.Code + "&api=https%3A%2F%2Fapi.example"; code.Link != want {
		t.Errorf("the link is %s, want %s", code.Link, want)
	}
	own, thief := &phone{world: w, Phone: *gatewaytest.NewPhone(t, "")}, &phone{world: w, Phone: *gatewaytest.NewPhone(t, "")}
	in := func(p *phone, change func(in *api.EnrolInput)) api.EnrolInput {
		out := api.EnrolInput{Code: code.Code, PublicKey: b64(p.PublicKey()), Platform: "ios", Label: "L", AppVersion: "1"}
		change(&out)
		return out
	}
	same := func(*api.EnrolInput) {}
	first := ""
	for _, row := range []struct {
		name   string
		by     *phone
		in     api.EnrolInput
		status int
		code   string
	}{
		{"KeyOfAnother", thief, in(own, same), 401, "token_invalid"},
		{"KeyWithPadding", own, in(own, func(in *api.EnrolInput) { in.PublicKey += "=" }), 400, "invalid"},
		{"NoKey", own, in(own, func(in *api.EnrolInput) { in.PublicKey = "" }), 400, "invalid"},
		{"UnknownCode", own, in(own, func(in *api.EnrolInput) { in.Code = "00000-00000" }), 404, "code_unknown"},
		{"NoLabel", own, in(own, func(in *api.EnrolInput) { in.Label = "" }), 400, "invalid"},
		{"First", own, in(own, same), 200, ""},
		{"Again", own, in(own, same), 200, ""},
		{"ByAnother", thief, in(thief, same), 409, "code_used"},
	} {
		t.Run(row.name, func(t *testing.T) {
			out := row.by.ask("enrolDevice", "", "", row.in)
			if out.StatusCode != row.status || !strings.Contains(out.Body, row.code) {
				t.Errorf("it is answered with %d %s, want %d %s", out.StatusCode, out.Body, row.status, row.code)
			}
			if row.status == 200 && first == "" {
				first = out.Body
			} else if row.status == 200 && out.Body != first {
				t.Errorf("the same again is answered with %s, and not %s", out.Body, first)
			}
		})
	}
}

// TestSessionInput: each kind has its own members.
func TestSessionInput(t *testing.T) {
	t.Parallel()
	w := open(t, gatewaytest.NewIssuer(t))
	f := person{w, "anna", nil}.enrol("P")
	for _, row := range []struct{ body, pointer string }{
		{`{"kind":"backup","counter":1,"publicKey":"AA"}`, "/profile"},
		{`{"kind":"backup","profile":"` + nowhere + `","publicKey":"AA"}`, "/counter"},
		{`{"kind":"backup","profile":"` + nowhere + `","counter":1}`, "/publicKey"},
		{`{"kind":"backup","profile":"` + nowhere + `","counter":1,"publicKey":"A"}`, "/publicKey"},
		{`{"kind":"backup","profile":"` + nowhere + `","counter":1,"publicKey":"AA","restore":"` + nowhere + `"}`, "/restore"},
		{`{"kind":"unchanged","profile":"` + nowhere + `"}`, "/base"},
		{`{"kind":"unchanged","base":"` + nowhere + `"}`, "/profile"},
		{`{"kind":"unchanged","base":"` + nowhere + `","profile":"` + nowhere + `","counter":1}`, "/counter"},
		{`{"kind":"restore","counter":1}`, "/restore"},
		{`{"kind":"verify"}`, "/counter"},
		{`{"kind":"rebuild"}`, "/counter"},
		{`{"kind":"rebuild","counter":1,"profile":"` + nowhere + `"}`, "/profile"},
		{`{"kind":"verify","counter":1,"restore":"` + nowhere + `"}`, "/restore"},
		{`{"kind":"verify","counter":1,"publicKey":"AA"}`, "/publicKey"},
		{`{"kind":"restore","restore":"` + nowhere + `"}`, "/counter"},
		{`{"kind":"restore","counter":1,"restore":"` + nowhere + `","base":"` + nowhere + `"}`, "/base"},
	} {
		if out := f.ask("beginSession", "", "", row.body); out.StatusCode != 400 || !strings.Contains(out.Body, `"pointer":"`+row.pointer+`"`) {
			t.Errorf("%s is answered with %d %s, want %s", row.body, out.StatusCode, out.Body, row.pointer)
		}
	}
	if out := f.ask("beginSession", "", "", `{"kind":"backup","profile":"`+nowhere+`","counter":1,"publicKey":"AA"}`); out.StatusCode != 409 {
		t.Errorf("a profile that is not there is answered with %d %s", out.StatusCode, out.Body)
	}
}
