package device

import (
	"crypto/sha256"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"pgregory.net/rapid"

	"zapas/device/internal/item"
)

// filler draws lawful items of any kind, in all of their members: those that are added later, too.
type filler struct {
	t    *rapid.T
	m    *memory         // attachments go here
	seen map[string]bool // members that were not empty, by type
}

// upTo are the numbers that a type takes.
var upTo = map[reflect.Type][2]int{
	reflect.TypeFor[item.Box]():          {1, 6},
	reflect.TypeFor[item.Unit]():         {1, 3},
	reflect.TypeFor[item.Delivery]():     {0, 3},
	reflect.TypeFor[item.Role]():         {0, 4},
	reflect.TypeFor[item.CallType]():     {1, 7},
	reflect.TypeFor[item.Presentation](): {0, 5},
	reflect.TypeFor[item.Occasion]():     {1, 4},
	reflect.TypeFor[item.MediaKind]():    {1, 4},
}

// anyItem draws one.
func (f *filler) anyItem() item.Item {
	it := rapid.SampledFrom([]func() item.Item{func() item.Item { return new(item.Contact) }, func() item.Item { return new(item.SMS) },
		func() item.Item { return new(item.MMS) }, func() item.Item { return new(item.Call) }}).Draw(f.t, "kind")()
	f.members(reflect.ValueOf(it).Elem())
	if c, ok := it.(*item.Call); ok && c.Presentation > item.Allowed { // who hides has no number
		c.Address = item.ParseCaller("", c.Presentation)
	}
	return it
}

// members fills those of a struct: a third of them are empty.
func (f *filler) members(v reflect.Value) {
	for i := range v.NumField() {
		field := v.Type().Field(i)
		_, numbered := upTo[field.Type]
		if numbered || field.Anonymous || field.Type == reflect.TypeFor[item.Address]() || field.Type == reflect.TypeFor[item.Ref]() ||
			rapid.IntRange(0, 2).Draw(f.t, field.Name) > 0 {
			f.fill(v.Field(i), field.Name)
		}
		if !v.Field(i).IsZero() {
			f.seen[v.Type().Name()+"."+field.Name] = true
		}
	}
}

func (f *filler) fill(v reflect.Value, name string) {
	if span, ok := upTo[v.Type()]; ok {
		v.SetUint(uint64(rapid.IntRange(span[0], span[1]).Draw(f.t, name)))
		return
	}
	switch v.Addr().Interface().(type) {
	case *item.Address:
		v.Set(reflect.ValueOf(address(f.t)))
		return
	case *item.Extras:
		v.Set(reflect.ValueOf(extras(f.t)))
		return
	case *item.Ref:
		v.Set(reflect.ValueOf(f.attach()))
		return
	case *[]item.Component:
		v.Set(reflect.ValueOf(f.components()))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		f.members(v)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		f.fill(v.Elem(), name)
	case reflect.Slice:
		f.list(v, name)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int64:
		v.SetInt(f.number(name))
	case reflect.String:
		v.SetString(rapid.SampledFrom(scripts).Draw(f.t, name))
	default:
		f.t.Fatalf("nothing draws %s, a %s", name, v.Type())
	}
}

// list fills a slice; what a type's own rules allow alone is chosen by its member.
func (f *filler) list(v reflect.Value, name string) {
	switch name {
	case "Types":
		types := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"cell", "home", "work", "x-\u05d0"}), 1, 3, rapid.ID).Draw(f.t, name)
		slices.Sort(types)
		v.Set(reflect.ValueOf(types))
	case "Lines":
		v.Set(reflect.ValueOf(rapid.SliceOfN(rapid.SampledFrom([]string{"X-A:1", "item1.X-B;C=d:e", "REV:2", ":", "X-\u05d0:\x00\u202e"}), 1, 3).Draw(f.t, name)))
	default:
		n := rapid.SampledFrom([]int{1, 1, 2, 4}).Draw(f.t, name)
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		for i := range n {
			f.fill(v.Index(i), name)
		}
	}
}

func (f *filler) number(name string) int64 {
	switch {
	case name == "Pref":
		return rapid.Int64Range(0, 100).Draw(f.t, name)
	case strings.HasPrefix(name, "Date"):
		return rapid.SampledFrom(moments).Draw(f.t, name)
	case name == "Duration":
		return rapid.SampledFrom([]int64{0, 1, 1<<63 - 1}).Draw(f.t, name)
	case name == "Type":
		return rapid.SampledFrom([]int64{0, item.SendRequest, item.Notification, item.Retrieved, -1}).Draw(f.t, name)
	}
	return rapid.SampledFrom([]int64{0, 1, -1, 106, 1<<63 - 1, -1 << 63}).Draw(f.t, name)
}

func (f *filler) attach() item.Ref {
	b := noise(rapid.Uint64Max(3).Draw(f.t, "seed"), rapid.SampledFrom([]int{0, 1, 255, 1 << 20, 1<<20 + 1}).Draw(f.t, "size"))
	sum := sha256.Sum256(b)
	f.m.blobs[sum] = b
	return item.Ref{SHA256: sum, Size: int64(len(b))}
}

// components are of each kind at most once, and in their order.
func (f *filler) components() (out []item.Component) {
	for kind := range byte(item.MaxComponent) {
		if rapid.IntRange(0, 5).Draw(f.t, "there") == 0 {
			out = append(out, item.Component{Kind: kind + 1, Text: "x" + rapid.SampledFrom(scripts).Draw(f.t, "component")})
		}
	}
	return out
}

func address(t *rapid.T) item.Address {
	return item.ParseAddress(rapid.SampledFrom(append([]string{"+48 600 100 200", "600100200", "112", "Allegro", "a@b.example", "-1", "sip:x@y", "*100#"}, scripts...)).Draw(t, "address"), "PL")
}

func extras(t *rapid.T) item.Extras {
	text := rapid.SampledFrom(scripts)
	return item.Extras{"android.sms": {text.Draw(t, "name"): text.Draw(t, "value")}, text.Draw(t, "namespace") + "x": {"": ""}}
}

// allMembers are those of an item's struct and of all that is in it.
func allMembers(of reflect.Type, into map[string]bool) {
	switch {
	case of.Kind() == reflect.Pointer || of.Kind() == reflect.Slice:
		allMembers(of.Elem(), into)
	case of.Kind() == reflect.Struct && of != reflect.TypeFor[item.Address]() && of != reflect.TypeFor[item.Ref]() && of != reflect.TypeFor[item.Component]():
		for i := range of.NumField() {
			into[fmt.Sprintf("%s.%s", of.Name(), of.Field(i).Name)] = true
			allMembers(of.Field(i).Type, into)
		}
	}
}
