package mobile_test

import (
	"fmt"
	"log"
	"os"

	"zapas/device/mobile"
)

// An app's screens, played against the real service on this machine: the old phone makes a backup, its user sends that to
// his new phone, which restores it. What is an app here is written in Kotlin and Swift in README.md.
func Example() {
	service, err := running()
	check(err)
	old := install(demo())
	fresh := install(&app{})

	// "Add this phone": the user types the code that my card shows.
	for _, p := range []*phone{old, fresh} {
		code, err := service.Code("piotr")
		check(err)
		e := mobile.NewEnrolment()
		e.Server, e.Code, e.Platform, e.Model, e.Label = service.URL, code, "android", "Pixel 12", "Phone"
		status, err := p.device.Enrol(nil, e)
		check(err)
		p.id = status.Device
		fmt.Println("Enrolled:", status.State)
	}

	// "My backup": what is to be done, and a button that does it.
	card, err := old.device.CheckIn(nil, old)
	check(err)
	fmt.Printf("%s: due is %v\n", card.Profile, card.Due)
	run := mobile.NewRun(&screen{work: "sealing"}) // and run.Cancel() on the button beside the bars
	report, err := old.device.BackUp(run, card, old)
	check(err)
	fmt.Println("Messages stored:", report.Element(mobile.Messages).Stored)

	proof, err := old.device.Verify(mobile.NewRun(nil), 0)
	check(err)
	fmt.Println("The backup is", proof.Outcome)

	// The user picks that backup on my card, for his new phone. There the app shows "Restore".
	check(service.Send("piotr", report.Snapshot, fresh.id))
	card, err = fresh.device.CheckIn(nil, fresh)
	check(err)
	fmt.Println("Restores that wait:", card.RestoreCount())
	restore := card.Restore(0)
	for _, element := range []string{mobile.Contacts, mobile.Messages} {
		restore.Choose(element)
	}

	// What would happen, before anything is written.
	plan, err := fresh.device.Plan(mobile.NewRun(nil), restore, fresh, fresh)
	check(err)
	fmt.Println("Contacts that are new:", plan.Element(mobile.Contacts).Fresh)

	done, err := fresh.device.Restore(mobile.NewRun(&screen{work: "writing"}), restore, fresh, fresh)
	check(err)
	fmt.Printf("Restored: %s; calls left out: %d\n", done.State, done.Element(mobile.Calls).Skipped)

	// An error is a word to switch on, and a sentence.
	_, err = fresh.device.Restore(nil, restore, fresh, fresh)
	fmt.Println(mobile.Code(err.Error()))
	check(old.device.Close())
	check(fresh.device.Close())

	// Output:
	// Enrolled: active
	// Enrolled: active
	// Every night: due is true
	// contacts sealing 2 of 2
	// messages sealing 41 of 41
	// calls sealing 6 of 6
	// Messages stored: 41
	// The backup is proven
	// Restores that wait: 1
	// Contacts that are new: 2
	// contacts writing 2 of 2
	// messages writing 41 of 41
	// Restored: done; calls left out: 6
	// restore_over
}

// screen shows one work's end on each element.
type screen struct{ work string }

func (s *screen) Step(element, work, state string, done, total, _ int64) {
	if work == s.work && state == "ended" {
		fmt.Println(element, work, done, "of", total)
	}
}

// install is an app on a new phone.
func install(a *app) *phone {
	k, err := newKey()
	check(err)
	dir, err := os.MkdirTemp(home, "phone-")
	check(err)
	d, err := mobile.Open(dir, "app 1.0", k)
	check(err)
	return &phone{app: a, device: d}
}

func check(err error) {
	if err != nil {
		log.Panic(err)
	}
}
