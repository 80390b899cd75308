package profile

import (
	"cmp"
	"context"
	"encoding/base64"
	"slices"
	"strings"

	"zapas/shared/caller"
	"zapas/shared/fault"
)

// maxPage bounds the names of device groups on one page, in bytes: an answer has room for 6 MB.
const maxPage = 2 << 20

// Query is what of the profiles is asked for.
type Query struct {
	Name   string // part of it, whatever the case; "": every
	Sort   string // name, created or updated, with a minus for the last one first; "": created
	Limit  int    // of a page
	Cursor string // "": from the first on
}

// maxKey is how much of a name orders it, in bytes: a cursor has room for no more.
const maxKey = 200

const sortTime = "2006-01-02T15:04:05.000Z"

// position is where a profile stands in an order: what it is ordered by, and its id.
func (q Query) position(p Profile) string {
	by := p.CreatedAt.UTC().Format(sortTime)
	switch strings.TrimPrefix(q.Sort, "-") {
	case "name":
		by = strings.ToLower(p.Name)
	case "updated":
		by = p.UpdatedAt.UTC().Format(sortTime)
	}
	return by[:min(len(by), maxKey)] + "\x00" + string(p.ID)
}

func (q Query) check() (after string, err error) {
	if !slices.Contains([]string{"", "name", "created", "updated"}, strings.TrimPrefix(q.Sort, "-")) || q.Sort == "-" {
		return "", fault.Fields([]fault.Field{{Pointer: "sort", Code: "unknown", Detail: "it must be name, created or updated, with a minus before it for the other way round"}})
	}
	b, err := base64.RawURLEncoding.DecodeString(q.Cursor)
	_, id, ok := strings.Cut(string(b), "\x00")
	if err != nil || q.Cursor != "" && (!ok || !caller.ValidID(id)) {
		return "", fault.Cursor()
	}
	return string(b), nil
}

// Find reads one page; next is "" when nothing is left. A page that would be too large to answer is shorter than was asked
// for. A profile that is edited meanwhile may move to a page that was read, or from it.
func (s *Service) Find(ctx context.Context, q Query) (page []Profile, next string, err error) {
	after, err := q.check()
	if err != nil {
		return nil, "", err
	}
	all, err := s.Store.Profiles(ctx)
	if err != nil {
		return nil, "", err
	}
	way := 1
	if strings.HasPrefix(q.Sort, "-") {
		way = -1
	}
	slices.SortFunc(all, func(a, b Profile) int { return way * cmp.Compare(q.position(a), q.position(b)) })
	size := 0
	for _, p := range all {
		if !strings.Contains(strings.ToLower(p.Name), strings.ToLower(q.Name)) || after != "" && way*cmp.Compare(q.position(p), after) <= 0 {
			continue
		}
		for _, g := range p.DeviceGroups {
			size += len(g)
		}
		if len(page) == q.Limit || size > maxPage && len(page) > 0 {
			return page, base64.RawURLEncoding.EncodeToString([]byte(q.position(page[len(page)-1]))), nil
		}
		page = append(page, p)
	}
	return page, "", nil
}
