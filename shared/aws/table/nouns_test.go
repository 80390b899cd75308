package table_test

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"pgregory.net/rapid"

	"zapas/localstack/deployment"
	"zapas/shared/audit"
	"zapas/shared/caller"
	"zapas/shared/fault"
	"zapas/shared/fleet"
	"zapas/shared/profile"
	"zapas/shared/restore"
	"zapas/shared/vault"
)

// TestCreate: what is created once is never overwritten, and an attempt whose answer was lost is told as what it looks
// like.
func TestCreate(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name         string
		first, other func(w *world) error
		there        func(w *world) string
		lost         fault.Kind // what a lost answer is; a transaction's is asked for again under the same token
	}{
		{"Profile",
			func(w *world) error { return w.profiles().Create(t.Context(), profile.Profile{ID: "A", Name: "first"}) },
			func(w *world) error { return w.profiles().Create(t.Context(), profile.Profile{ID: "A", Name: "other"}) },
			func(w *world) string { p, _ := w.profiles().Profile(t.Context(), "A"); return p.Name }, ok},
		{"VaultKey",
			func(w *world) error { return w.keys().CreateKey(t.Context(), user, 1, []byte("first")) },
			func(w *world) error { return w.keys().CreateKey(t.Context(), user, 1, []byte("other")) },
			func(w *world) string { k, _ := w.keys().Key(t.Context(), user, 1); return string(k.Wrapped) }, fault.Conflict},
		{"Restore",
			func(w *world) error {
				return w.restores().PutRestore(t.Context(), restore.Restore{ID: "R", User: user, Device: "first"})
			},
			func(w *world) error {
				return w.restores().PutRestore(t.Context(), restore.Restore{ID: "R", User: user, Device: "other"})
			},
			func(w *world) string { r, _ := w.restores().Restore(t.Context(), user, "R"); return string(r.Device) }, fault.Conflict},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			for name, before := range map[string]struct {
				strikes []strike
				want    fault.Kind
				there   bool
			}{
				"Answered":     {nil, ok, true},
				"FailedOnce":   {[]strike{lostBefore}, ok, true},
				"AnswerLost":   {[]strike{lostAfter}, test.lost, true},
				"AnswersLost":  {[]strike{lostBefore, lostBefore, lostAfter}, fault.Unavailable, true},
				"FailedThrice": {[]strike{lostBefore, lostBefore, lostBefore}, fault.Unavailable, false},
			} {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					w := open(t)
					w.wire.strike(before.strikes...)
					wantKind(t, test.first(w), before.want)
					if before.there {
						wantKind(t, test.other(w), fault.Conflict)
						same(t, test.there(w), "first")
					} else {
						wantKind(t, test.other(w), ok)
						same(t, test.there(w), "other")
					}
				})
			}
		})
	}
}

func TestProfiles(t *testing.T) {
	t.Parallel()
	w := open(t)
	p := w.profiles()
	_, err := p.Profile(t.Context(), "A")
	wantKind(t, err, fault.NotFound)
	var want []profile.Profile
	rapid.Check(t, func(r *rapid.T) {
		one := made[profile.Profile]().Draw(r, "profile")
		one.ID = profile.ID(fmt.Sprintf("%026d", len(want)))
		must(r, p.Create(t.Context(), one))
		got, err := p.Profile(t.Context(), one.ID)
		must(r, err)
		same(r, got, one)
		want = append(want, one)
	})
	all, err := p.Profiles(t.Context())
	must(t, err)
	same(t, all, want)
}

// TestProfiles_OlderRow: a row from before a profile said how long backups are kept reads with what is usual.
func TestProfiles_OlderRow(t *testing.T) {
	t.Parallel()
	w := open(t)
	_, err := w.db.PutItem(t.Context(), &sdk.PutItemInput{TableName: new(deployment.Table), Item: map[string]types.AttributeValue{
		"PK": &types.AttributeValueMemberS{Value: "P"}, "SK": &types.AttributeValueMemberS{Value: "PROFILE#A"},
		"id": &types.AttributeValueMemberS{Value: "A"}, "name": &types.AttributeValueMemberS{Value: "Old"},
		"version": &types.AttributeValueMemberN{Value: "3"}}})
	must(t, err)
	got, err := w.profiles().Profile(t.Context(), "A")
	must(t, err)
	same(t, got, profile.Profile{ID: "A", Name: "Old", Version: 3, Retention: profile.DefaultRetention(), Alerts: profile.DefaultAlerts()})
}

func TestKeys(t *testing.T) {
	t.Parallel()
	w := open(t)
	k := w.keys()
	got, err := k.Key(t.Context(), user, 1)
	must(t, err)
	same(t, got, vault.Key{})
	must(t, k.CreateKey(t.Context(), user, 1, []byte{1, 2, 3}), k.CreateKey(t.Context(), user, 2, []byte{4}))
	got, err = k.Key(t.Context(), user, 1)
	must(t, err)
	same(t, got, vault.Key{Wrapped: []byte{1, 2, 3}})

	_, err = w.db.PutItem(t.Context(), &sdk.PutItemInput{TableName: new(deployment.VaultKeys), Item: map[string]types.AttributeValue{
		"PK": &types.AttributeValueMemberS{Value: "V#" + string(user)}, "SK": &types.AttributeValueMemberS{Value: "K#3"},
		"tombstone": &types.AttributeValueMemberBOOL{Value: true}}})
	must(t, err)
	got, err = k.Key(t.Context(), user, 3)
	must(t, err)
	same(t, got, vault.Key{Tombstone: true})
	wantKind(t, k.CreateKey(t.Context(), user, 3, []byte{5}), fault.Conflict)
}

func TestRestores(t *testing.T) {
	t.Parallel()

	t.Run("ReadBackAsWritten", func(t *testing.T) {
		t.Parallel()
		s, n := open(t).restores(), 0
		rapid.Check(t, func(r *rapid.T) {
			n++
			want := made[restore.Restore]().Draw(r, "restore")
			want.User, want.ID, want.Rev = user, id[restore.ID](n), 0
			must(r, s.PutRestore(t.Context(), want))
			want.Rev = 1
			got, err := s.Restore(t.Context(), user, want.ID)
			must(r, err)
			same(r, got, want)
		})
		all, next, err := s.Restores(t.Context(), user, "", n)
		must(t, err)
		same(t, len(all), n)
		same(t, next, "")
	})

	t.Run("NewestFirstPageByPage", func(t *testing.T) {
		t.Parallel()
		s := open(t).restores()
		for _, n := range []int{3, 1, 5, 2, 4} {
			must(t, s.PutRestore(t.Context(), restore.Restore{ID: id[restore.ID](n), User: user}))
		}
		for limit, want := range map[int][][]int{1: {{5}, {4}, {3}, {2}, {1}}, 2: {{5, 4}, {3, 2}, {1}}, 4: {{5, 4, 3, 2}, {1}}, 5: {{5, 4, 3, 2, 1}}} {
			var pages [][]int
			for position := ""; len(pages) == 0 || position != ""; {
				page, next, err := s.Restores(t.Context(), user, position, limit)
				must(t, err)
				var ids []int
				for _, r := range page {
					n, err := strconv.Atoi(string(r.ID))
					must(t, err)
					ids = append(ids, n)
				}
				pages, position = append(pages, ids), next
			}
			same(t, pages, want)
		}
		for _, position := range []string{"!", "A", base64.RawURLEncoding.EncodeToString([]byte("zzz"))} {
			_, _, err := s.Restores(t.Context(), user, position, 1)
			wantKind(t, err, fault.Invalid)
		}
		all, next, err := s.Restores(t.Context(), user, base64.RawURLEncoding.EncodeToString([]byte(id[restore.ID](0))), 1)
		must(t, err)
		same(t, len(all), 0)
		same(t, next, "")
	})

	t.Run("OnlyHisOwn", func(t *testing.T) {
		t.Parallel()
		w := open(t)
		s := w.restores()
		must(t, s.PutRestore(t.Context(), restore.Restore{ID: "R", User: user}), s.PutRestore(t.Context(), restore.Restore{ID: "Q", User: "other"}),
			w.keys().CreateKey(t.Context(), user, 1, []byte("k")))
		all, _, err := s.Restores(t.Context(), user, "", 50)
		must(t, err)
		same(t, all, []restore.Restore{{ID: "R", User: user, Rev: 1}})
		_, err = s.Restore(t.Context(), user, "Q")
		wantKind(t, err, fault.NotFound)
	})

	t.Run("EachChangeFollowsTheLast", func(t *testing.T) {
		t.Parallel()
		w := open(t)
		s := w.restores()
		r := restore.Restore{ID: "R", User: user, State: restore.Waiting}
		must(t, s.PutRestore(t.Context(), r))
		r.Rev, r.State = 1, restore.Opened
		w.wire.strike(lostAfter)
		wantKind(t, s.PutRestore(t.Context(), r), fault.Conflict)
		r.State = restore.Failed
		wantKind(t, s.PutRestore(t.Context(), r), fault.Conflict)
		r.Rev = 0
		wantKind(t, s.PutRestore(t.Context(), r), fault.Conflict)
		r.Rev = 2
		must(t, s.PutRestore(t.Context(), r))
		got, err := s.Restore(t.Context(), user, "R")
		must(t, err)
		same(t, got, restore.Restore{ID: "R", User: user, State: restore.Failed, Rev: 3})
	})
}

func TestIdentities(t *testing.T) {
	t.Parallel()

	t.Run("ReadBackAsWritten", func(t *testing.T) {
		t.Parallel()
		w, n := open(t), 0
		s := w.identities()
		rapid.Check(t, func(r *rapid.T) {
			n++
			code, device := made[fleet.Code]().Draw(r, "code"), made[fleet.Device]().Draw(r, "device")
			used := code.Device
			code.Hash, code.Device, device.ID = fmt.Sprint(n), "", id[caller.DeviceID](n)
			code.ID = fmt.Sprint("E", n)
			both := func() {
				got, err := s.Code(t.Context(), code.Hash)
				must(r, err)
				same(r, got, code)
				got, err = s.Enrolment(t.Context(), code.ID)
				must(r, err)
				got.Hash = code.Hash
				same(r, got, code)
			}
			must(r, s.PutCode(t.Context(), code))
			both()
			code.Device = used
			must(r, s.Enrol(t.Context(), code, device))
			both()
			is, err := s.Device(t.Context(), device.ID)
			must(r, err)
			same(r, is, device)
		})
	})

	t.Run("NoneOfThat", func(t *testing.T) {
		t.Parallel()
		s := open(t).identities()
		_, err := s.Device(t.Context(), phone)
		wantKind(t, err, fault.NotFound)
		_, err = s.Code(t.Context(), "h")
		wantKind(t, err, fault.NotFound)
		_, err = s.Enrolment(t.Context(), "E")
		wantKind(t, err, fault.NotFound)
	})

	t.Run("UserInPlaceOfWhatWasKnown", func(t *testing.T) {
		t.Parallel()
		w := open(t)
		must(t, w.people().PutUser(t.Context(), fleet.User{ID: user, Subject: "s", Name: "Anna", Email: "a@example.test", SeenAt: start}),
			w.people().PutUser(t.Context(), fleet.User{ID: user, Subject: "s", SeenAt: start}))
		same(t, names(w.row(t, deployment.Identity, "U#"+string(user), "USER")), map[string]bool{"PK": true, "SK": true, "id": true, "subject": true, "seenAt": true,
			"users": true, "userKey": true})
	})

	t.Run("CodeOutlivesItsExpiryByADay", func(t *testing.T) {
		t.Parallel()
		w := open(t)
		c := fleet.Code{Hash: "h", ID: "E", ExpiresAt: start}
		must(t, w.identities().PutCode(t.Context(), c))
		ends := func(pk, sk string) any {
			if ttl, ok := w.row(t, deployment.Identity, pk, sk)["ttl"].(*types.AttributeValueMemberN); ok {
				return ttl.Value
			}
			return nil
		}
		same(t, ends("C#h", "CODE"), fmt.Sprint(start.Add(24*time.Hour).Unix()))
		same(t, ends("E#E", "ENROLMENT"), fmt.Sprint(start.Add(24*time.Hour).Unix()))
		c.Device = phone
		must(t, w.identities().Enrol(t.Context(), c, fleet.Device{ID: phone}))
		same(t, ends("C#h", "CODE"), fmt.Sprint(start.Add(24*time.Hour).Unix()))
		same(t, ends("E#E", "ENROLMENT"), nil) // the device's enrolment stays with it
	})

	t.Run("NothingOfAnEnrolmentLeadsToItsCode", func(t *testing.T) {
		t.Parallel()
		w := open(t)
		must(t, w.identities().PutCode(t.Context(), fleet.Code{Hash: "h", ID: "E", User: user, ExpiresAt: start}))
		same(t, names(w.row(t, deployment.Identity, "E#E", "ENROLMENT")), map[string]bool{"PK": true, "SK": true, "id": true, "user": true, "expiresAt": true, "ttl": true})
	})
}

// TestPutCode: a code and its enrolment are there both or not at all, and neither is ever overwritten.
func TestPutCode(t *testing.T) {
	t.Parallel()
	first := fleet.Code{Hash: "h", ID: "E", User: user, ExpiresAt: start}
	for _, test := range []struct {
		name    string
		other   fleet.Code
		strikes []strike
		want    fault.Kind
		there   bool // the other
	}{
		{"OfItsOwn", fleet.Code{Hash: "i", ID: "F"}, nil, ok, true},
		{"SameHash", fleet.Code{Hash: "h", ID: "F"}, nil, fault.Conflict, false},
		{"SameID", fleet.Code{Hash: "i", ID: "E"}, nil, fault.Conflict, false},
		{"AnswerLostOnce", fleet.Code{Hash: "i", ID: "F"}, []strike{lostAfter}, ok, true},
		{"AnswersLost", fleet.Code{Hash: "i", ID: "F"}, []strike{lostAfter, lostAfter, lostAfter}, fault.Unavailable, true},
		{"FailedBefore", fleet.Code{Hash: "i", ID: "F"}, []strike{lostBefore, lostBefore, lostBefore}, fault.Unavailable, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := open(t)
			s := w.identities()
			must(t, s.PutCode(t.Context(), first))
			w.wire.strike(test.strikes...)
			wantKind(t, s.PutCode(t.Context(), test.other), test.want)
			w.wire.strike()
			got, err := s.Code(t.Context(), "h")
			must(t, err)
			same(t, got, first)
			got, err = s.Enrolment(t.Context(), "E")
			must(t, err)
			same(t, got.User, user)
			_, err = s.Code(t.Context(), "i")
			same(t, err == nil, test.there)
			_, err = s.Enrolment(t.Context(), "F")
			same(t, err == nil, test.there)
		})
	}
}

// TestSettings: each change takes the place of the version that was read, the first that of none.
func TestSettings(t *testing.T) {
	t.Parallel()
	w := open(t)
	s := w.settings()
	got, err := s.Settings(t.Context())
	must(t, err)
	same(t, got, restore.Settings{})
	want := restore.Settings{Expires: 3, Version: 1} // a hold of 0 hours is kept, too
	wantKind(t, s.ReplaceSettings(t.Context(), want, 1), fault.Conflict)
	must(t, s.ReplaceSettings(t.Context(), want, 0))
	wantKind(t, s.ReplaceSettings(t.Context(), want, 0), fault.Conflict)
	got, err = s.Settings(t.Context())
	must(t, err)
	same(t, got, want)
	want = restore.Settings{Hold: 72, Expires: 90, Version: 2}
	w.wire.strike(lostAfter)
	wantKind(t, s.ReplaceSettings(t.Context(), want, 1), fault.Conflict)
	wantKind(t, s.ReplaceSettings(t.Context(), restore.Settings{Version: 2}, 1), fault.Conflict)
	got, err = s.Settings(t.Context())
	must(t, err)
	same(t, got, want)
	same(t, names(w.row(t, deployment.Table, "SETTINGS", "SETTINGS")), map[string]bool{"PK": true, "SK": true, "restoreHold": true, "restoreExpires": true, "version": true})
}

// TestTokens: a token serves one request, however often that one is asked, and no other device's is touched by it.
func TestTokens(t *testing.T) {
	t.Parallel()
	w := open(t)
	s := w.tokens()
	use := func(device caller.DeviceID, token, request string) error {
		return s.UseToken(t.Context(), device, token, request, start)
	}
	must(t, use(phone, "a", "1"), use(phone, "a", "1"), use(phone, "b", "2"), use("other", "a", "3"))
	wantKind(t, use(phone, "a", "2"), fault.Conflict)
	w.wire.strike(lostAfter)
	must(t, use(phone, "c", "4"))
	w.wire.strike(lostBefore, lostBefore, lostBefore)
	wantKind(t, use(phone, "d", "5"), fault.Unavailable)
	must(t, use(phone, "d", "6"))
	same(t, w.row(t, deployment.Table, "J#"+string(phone), "a")["ttl"].(*types.AttributeValueMemberN).Value, fmt.Sprint(start.Unix()))
}

// TestEnrol: a code makes one device, both or none.
func TestEnrol(t *testing.T) {
	t.Parallel()
	unused := fleet.Code{Hash: "h", ID: "C", User: user, ExpiresAt: start}
	first := fleet.Device{ID: id[caller.DeviceID](1), Owner: user, PublicKey: []byte("key"), State: fleet.InUse, EnrolledAt: start}
	for _, test := range []struct {
		name    string
		prepare func(t *testing.T, s fleet.Identities)
		strikes []strike
		want    fault.Kind
		uses    caller.DeviceID // of the code, afterwards; "" unused
	}{
		{"Unused", func(t *testing.T, s fleet.Identities) { must(t, s.PutCode(t.Context(), unused)) }, nil, ok, "2"},
		{"NoCode", func(*testing.T, fleet.Identities) {}, nil, fault.Conflict, "none"},
		{"Used", func(t *testing.T, s fleet.Identities) {
			used := unused
			used.Device = first.ID
			must(t, s.PutCode(t.Context(), unused), s.Enrol(t.Context(), used, first))
		}, nil, fault.Conflict, "1"},
		{"DeviceIsThere", func(t *testing.T, s fleet.Identities) {
			other := unused
			other.Hash, other.ID, other.Device = "h2", "E2", id[caller.DeviceID](2)
			must(t, s.PutCode(t.Context(), unused), s.PutCode(t.Context(), fleet.Code{Hash: "h2", ID: "E2"}),
				s.Enrol(t.Context(), other, fleet.Device{ID: other.Device, Owner: "other"}))
		}, nil, fault.Conflict, ""},
		{"AnswerLostOnce", func(t *testing.T, s fleet.Identities) { must(t, s.PutCode(t.Context(), unused)) }, []strike{lostAfter}, ok, "2"},
		{"AnswersLost", func(t *testing.T, s fleet.Identities) { must(t, s.PutCode(t.Context(), unused)) },
			[]strike{lostAfter, lostAfter, lostAfter}, fault.Unavailable, "2"},
		{"FailedBefore", func(t *testing.T, s fleet.Identities) { must(t, s.PutCode(t.Context(), unused)) },
			[]strike{lostBefore, lostBefore, lostBefore}, fault.Unavailable, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := open(t)
			s := w.identities()
			test.prepare(t, s)
			w.wire.strike(test.strikes...)
			c, d := unused, first
			c.Device, d.ID = id[caller.DeviceID](2), id[caller.DeviceID](2)
			wantKind(t, s.Enrol(t.Context(), c, d), test.want)

			is, err := s.Device(t.Context(), d.ID)
			same(t, err == nil && is.Owner == user, test.uses == "2")
			got, err := s.Code(t.Context(), "h")
			same(t, fault.Is(err, fault.NotFound), test.uses == "none")
			if test.uses != "none" {
				same(t, strings.TrimLeft(string(got.Device), "0"), string(test.uses))
			}
		})
	}
}

func TestAudit(t *testing.T) {
	t.Parallel()
	w := open(t)
	record := audit.Record{ID: id[string](5), At: start.In(time.FixedZone("", -6*3600)), Who: user, Device: phone, Action: audit.KeyRestore, Target: "T", Also: []string{"a", "b"}}
	changed := record
	changed.Target = "another"
	w.wire.strike(lostAfter)
	must(t, w.audit().Append(t.Context(), record), w.audit().Append(t.Context(), record), w.audit().Append(t.Context(), changed))
	text := func(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }
	same(t, fmt.Sprint(flat(w.row(t, deployment.Audit, "A#20260304#5", "2026-03-04T05:06:07.008Z#"+record.ID))),
		fmt.Sprint(flat(map[string]types.AttributeValue{"PK": text("A#20260304#5"), "SK": text("2026-03-04T05:06:07.008Z#" + record.ID),
			"id": text(record.ID), "at": text("2026-03-04T05:06:07.008Z"), "who": text(string(user)), "device": text(string(phone)),
			"action": text("key.restore"), "target": text("T"),
			"also": &types.AttributeValueMemberL{Value: []types.AttributeValue{text("a"), text("b")}}})))

	w.wire.strike(lostBefore, lostBefore, lostBefore)
	record.ID = id[string](6)
	wantKind(t, w.audit().Append(t.Context(), record), fault.Unavailable)
	same(t, len(w.row(t, deployment.Audit, "A#20260304#6", "2026-03-04T05:06:07.008Z#"+record.ID)), 0)
}

// flat writes a row as text, attribute by attribute.
func flat(row map[string]types.AttributeValue) []string {
	var out []string
	for name, v := range row {
		switch v := v.(type) {
		case *types.AttributeValueMemberS:
			out = append(out, name+"="+v.Value)
		case *types.AttributeValueMemberL:
			for i, e := range v.Value {
				out = append(out, flat(map[string]types.AttributeValue{fmt.Sprint(name, i): e})...)
			}
		default:
			out = append(out, fmt.Sprintf("%s=%v", name, v))
		}
	}
	slices.Sort(out)
	return out
}
