package remote

import "sync"

// Each calls f for 0 to n-1, some at the same time, and returns when all have returned.
func Each(atOnce, n int, f func(i int)) {
	next := make(chan int)
	var wg sync.WaitGroup
	for range min(atOnce, n) {
		wg.Go(func() {
			for i := range next {
				f(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wg.Wait()
}
