package fleet

import (
	"context"
	"slices"
	"strings"

	"zapas/shared/caller"
	"zapas/shared/fault"
	"zapas/shared/profile"
)

// Which devices a list is of.
type Which struct {
	Label string            // how their labels begin, whatever the case
	Keep  func(Status) bool // nil: all of these
}

// Find says which devices are looked for; what is "" is not asked for.
type Find struct {
	State   State
	Profile profile.ID // that governs them
	Group   string
	Label   string // how their labels begin, whatever the case
	User    string // how the name or the e-mail address of their owner begins, likewise
}

// How much one page looks at, of devices by their owners.
const (
	peopleAtOnce = 100
	peopleAtMost = 1_000
	ownersAtMost = 200 // whose devices are read
)

// List lists devices, without fingerprints and those that are retired: by label, or, where an owner is looked for, by his
// name. A page may be short, or empty, and not be the last.
func (f *Fleet) List(ctx context.Context, find Find, position string, limit int) (page []Card, next string, err error) {
	all, err := f.Profiles.Set(ctx)
	if err != nil {
		return nil, "", err
	}
	if err := find.check(all); err != nil {
		return nil, "", err
	}
	now := f.now()
	card := func(s Status) Card { return Card{Status: s, Standing: Assess(s, all, now)} }
	if find.User != "" {
		return f.ofPeople(ctx, find, card, position, limit)
	}
	which := Which{Label: find.Label}
	if find.State != "" || find.Profile != "" || find.Group != "" {
		which.Keep = func(s Status) bool { return find.keeps(card(s)) }
	}
	found, next, err := f.Statuses.List(ctx, which, position, limit)
	if err != nil {
		return nil, "", err
	}
	for _, s := range found {
		page = append(page, card(s))
	}
	return page, next, nil
}

func (find Find) check(all profile.Set) error {
	var wrong []fault.Field
	if find.State != "" && !slices.Contains(States(), find.State) {
		wrong = append(wrong, fault.Field{Pointer: "state", Code: "invalid", Detail: "it must be ok, running, unseen, no_backup, overdue, failed or disabled"})
	}
	if find.Profile != "" && !all.Has(find.Profile) {
		wrong = append(wrong, fault.Field{Pointer: "profile", Code: "unknown", Detail: "there is no such profile"})
	}
	return fault.Fields(wrong)
}

func (find Find) keeps(c Card) bool {
	return (find.State == "" || c.Standing.State == find.State) && (find.Profile == "" || c.Standing.Governs != "" && c.Standing.Profile.ID == find.Profile) &&
		(find.Group == "" || c.Group == find.Group) && strings.HasPrefix(strings.ToLower(c.Label), strings.ToLower(find.Label))
}

func (find Find) owner(u User) bool {
	prefix := strings.ToLower(find.User)
	return strings.HasPrefix(strings.ToLower(u.Name), prefix) || strings.HasPrefix(strings.ToLower(u.Email), prefix)
}

// spot is where a list by owners goes on: with a person of those that follow a position, and a device of his; all
// before both are done.
type spot struct {
	people string
	owner  caller.UserID
	device caller.DeviceID
}

const allDevices caller.DeviceID = "~" // comes after every id

func (s spot) String() string {
	return strings.Join([]string{s.people, string(s.owner), string(s.device)}, ".")
}

func spotOf(position string) (spot, error) {
	if position == "" {
		return spot{}, nil
	}
	parts := strings.Split(position, ".")
	if len(parts) == 3 {
		s := spot{parts[0], caller.UserID(parts[1]), caller.DeviceID(parts[2])}
		if s.owner == "" && s.device == "" || caller.ValidID(parts[1]) && (s.device == allDevices || caller.ValidID(parts[2])) {
			return s, nil
		}
	}
	return spot{}, fault.Cursor()
}

func (f *Fleet) ofPeople(ctx context.Context, find Find, card func(Status) Card, position string, limit int) (page []Card, next string, err error) {
	at, err := spotOf(position)
	if err != nil {
		return nil, "", err
	}
	owners := 0
	for range peopleAtMost / peopleAtOnce {
		people, after, err := f.People.Users(ctx, at.people, peopleAtOnce)
		if err != nil {
			return nil, "", err
		}
		// Who has another name by now is not among them: then all of them are looked at again.
		people = people[max(slices.IndexFunc(people, func(u User) bool { return u.ID == at.owner }), 0):]
		for _, u := range people {
			if !find.owner(u) {
				continue
			}
			if owners == ownersAtMost {
				return page, at.String(), nil
			}
			owners++
			done := at.device
			if u.ID != at.owner {
				done = ""
			}
			his, err := f.Statuses.OfOwner(ctx, u.ID)
			if err != nil {
				return nil, "", err
			}
			slices.SortFunc(his, func(a, b Status) int { return strings.Compare(string(a.Device), string(b.Device)) })
			for _, s := range his {
				if s.Device <= done || s.Trust == Retired {
					continue
				}
				c := card(s)
				if !find.keeps(c) {
					continue
				}
				if len(page) == limit {
					return page, at.String(), nil
				}
				page, at.owner, at.device = append(page, c), u.ID, s.Device
			}
			at.owner, at.device = u.ID, allDevices
		}
		if at = (spot{people: after}); after == "" {
			return page, "", nil
		}
	}
	return page, at.String(), nil
}
