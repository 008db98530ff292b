// Load on a fluxion service: many clients that match, reserve and cancel, some
// calls cancelled half-way. Prints one JSON object with counts and latencies.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io/ioutil"
	"log"
	"math/rand"
	"os"
	"sort"
	"strings"
	"sync"
	"time"

	pb "fluxion/proto"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

type tally struct {
	Matched, Full, Canceled, Aborted, Failed int
	latency                                  []float64
}

func client(address, jobspec string, seed int64, end time.Time, pause time.Duration) tally {
	var t tally
	var held []int64
	rng := rand.New(rand.NewSource(seed))
	conn, err := grpc.Dial(address, grpc.WithInsecure(), grpc.WithBlock())
	if err != nil {
		log.Fatalf("%s: %v", address, err)
	}
	defer conn.Close()
	c := pb.NewFluxionServiceClient(conn)
	cancel := func() {
		id := held[0]
		held = held[1:]
		if _, err := c.Cancel(context.Background(), &pb.CancelRequest{JobID: id}); err != nil {
			t.Failed++
		} else {
			t.Canceled++
		}
	}
	for time.Now().Before(end) {
		if pause > 0 {
			time.Sleep(time.Duration(rng.Int63n(int64(2 * pause))))
		}
		if len(held) > 0 && (len(held) > 2 || rng.Intn(2) == 0) {
			cancel()
			continue
		}
		spec := strings.Replace(jobspec, "duration: 3600",
			fmt.Sprintf("duration: %d", 60*(1+rng.Intn(60))), 1)
		ctx, stop := context.WithTimeout(context.Background(), 10*time.Second)
		if rng.Intn(20) == 0 { // leave in the middle
			time.AfterFunc(time.Duration(rng.Intn(300))*time.Microsecond, stop)
		}
		start := time.Now()
		r, err := c.Match(ctx, &pb.MatchRequest{Jobspec: spec, Request: "allocate",
			Reservation: rng.Intn(4) == 0})
		took := time.Since(start)
		stop()
		switch {
		case err == nil:
			t.Matched++
			held = append(held, r.GetJobid())
			t.latency = append(t.latency, took.Seconds()*1000)
		case status.Code(err) == codes.Canceled:
			t.Aborted++
		case strings.Contains(err.Error(), "Allocation was not possible"):
			t.Full++
			t.latency = append(t.latency, took.Seconds()*1000)
		default:
			t.Failed++
			fmt.Fprintln(os.Stderr, err)
		}
	}
	for len(held) > 0 {
		cancel()
	}
	return t
}

func main() {
	address := flag.String("address", "localhost:4242", "HOST:PORT of the service")
	count := flag.Int("clients", 32, "number of clients")
	span := flag.Duration("time", time.Minute, "how long")
	pause := flag.Duration("pause", 40*time.Millisecond, "mean pause of a client")
	jobspec := flag.String("jobspec", "jobspec.yaml", "path of the jobspec")
	flag.Parse()
	text, err := ioutil.ReadFile(*jobspec)
	if err != nil {
		log.Fatal(err)
	}
	var all tally
	var mutex sync.Mutex
	var wg sync.WaitGroup
	end := time.Now().Add(*span)
	for i := 0; i < *count; i++ {
		wg.Add(1)
		go func(seed int64) {
			defer wg.Done()
			t := client(*address, string(text), seed, end, *pause)
			mutex.Lock()
			defer mutex.Unlock()
			all.Matched += t.Matched
			all.Full += t.Full
			all.Canceled += t.Canceled
			all.Aborted += t.Aborted
			all.Failed += t.Failed
			all.latency = append(all.latency, t.latency...)
		}(int64(i + 1))
	}
	wg.Wait()
	sort.Float64s(all.latency)
	q := func(p float64) float64 {
		if len(all.latency) == 0 {
			return 0
		}
		return all.latency[int(p*float64(len(all.latency)-1))]
	}
	json.NewEncoder(os.Stdout).Encode(map[string]interface{}{
		"matched": all.Matched, "full": all.Full, "canceled": all.Canceled,
		"aborted": all.Aborted, "failed": all.Failed, "calls": len(all.latency),
		"p50_ms": q(0.5), "p99_ms": q(0.99), "max_ms": q(1)})
}
