// The service's acceptance cases with Go's gRPC client; the first that fails ends
// the program with status 1.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io/ioutil"
	"log"
	"strings"
	"time"

	pb "fluxion/proto"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

type service struct {
	pb.FluxionServiceClient
	ctx            context.Context
	graph, jobspec string
}

func read(path string) string {
	text, err := ioutil.ReadFile(path)
	if err != nil {
		log.Fatal(err)
	}
	return string(text)
}

func check(ok bool, what string, got interface{}) {
	if !ok {
		log.Fatalf("%s: %v", what, got)
	}
}

// Refused with this code, and a text that starts so.
func refused(what string, err error, code codes.Code, text string) {
	check(err != nil && status.Code(err) == code &&
		strings.HasPrefix(status.Convert(err).Message(), text), what, err)
}

func (s service) init(policy, graph string) (*pb.InitResponse, error) {
	return s.Init(s.ctx, &pb.InitRequest{Policy: policy, Jgf: graph})
}

func (s service) match(reserve bool) (*pb.MatchResponse, error) {
	return s.Match(s.ctx, &pb.MatchRequest{Jobspec: s.jobspec, Request: "allocate",
		Reservation: reserve})
}

// The ids of core, socket and node in an allocation.
func picked(allocation string) string {
	var doc struct {
		Graph struct {
			Nodes []struct {
				Id       string
				Metadata struct{ Type string }
			}
		}
	}
	ids := map[string]string{}
	if err := json.Unmarshal([]byte(allocation), &doc); err != nil {
		log.Fatalf("allocation: %v", err)
	}
	for _, n := range doc.Graph.Nodes {
		ids[n.Metadata.Type] = n.Id
	}
	return ids["core"] + " " + ids["socket"] + " " + ids["node"]
}

// Four jobs in this order, with ids from `id` on, then no more.
func (s service) four(what string, id int64, want ...string) {
	for i, ids := range want {
		r, err := s.match(false)
		check(err == nil, what, err)
		check(r.GetJobid() == id+int64(i) && !r.GetReserved() && r.GetAt() == 0, what, r)
		check(picked(r.GetAllocation()) == ids, what, picked(r.GetAllocation()))
	}
	_, err := s.match(false)
	refused(what+": fifth", err, codes.Unknown, "Allocation was not possible")
}

func main() {
	address := flag.String("address", "localhost:4242", "HOST:PORT of the service")
	graph := flag.String("cluster-nodes", "cluster-nodes.json", "path of the graph")
	jobspec := flag.String("jobspec", "jobspec.yaml", "path of the jobspec")
	allocation := flag.String("allocation", "allocation.json", "what the first match gives")
	flag.Parse()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	conn, err := grpc.DialContext(ctx, *address, grpc.WithInsecure(), grpc.WithBlock())
	check(err == nil, *address, err)
	defer conn.Close()
	s := service{pb.NewFluxionServiceClient(conn), ctx, read(*graph), read(*jobspec)}

	_, err = s.match(false)
	refused("before Init", err, codes.FailedPrecondition, "graph not initialized")

	r, err := s.init("lonode", s.graph)
	check(err == nil && r.GetStatus() == pb.InitResponse_INIT_SUCCESS, "A1", err)
	first, err := s.match(false)
	check(err == nil && first.GetAllocation() == read(*allocation), "A2", err)
	_, err = s.init("lonode", s.graph)
	check(err == nil, "A1", err)
	s.four("A3", first.GetJobid()+1, "8 4 2", "26 5 2", "44 6 3", "62 7 3")

	later, err := s.match(true)
	check(err == nil && later.GetReserved() && later.GetAt() == 3600, "A5", later)
	gone, err := s.Cancel(ctx, &pb.CancelRequest{JobID: later.GetJobid()})
	check(err == nil && gone.GetStatus() == pb.CancelResponse_CANCEL_SUCCESS, "A5", err)
	_, err = s.Cancel(ctx, &pb.CancelRequest{JobID: first.GetJobid() + 1})
	check(err == nil, "A5", err)
	again, err := s.match(false)
	check(err == nil && picked(again.GetAllocation()) == "8 4 2", "A5", err)

	_, err = s.init("", s.graph)
	check(err == nil, "A4", err)
	s.four("A4", again.GetJobid()+1, "79 7 3", "43 5 2", "61 6 3", "25 4 2")

	_, err = s.init("lonode", "garbage")
	refused("A6", err, codes.Unknown, "issue initializing resource api client -1")
	_, err = s.init("nosuch", s.graph)
	refused("A6", err, codes.Unknown, "issue initializing resource api client -1")
	_, err = s.Match(ctx, &pb.MatchRequest{Jobspec: "version: 1"})
	refused("A6", err, codes.Unknown, "[Fluxion] Error in ReapiCliMatchAllocate")
	fmt.Println("all cases pass")
}
