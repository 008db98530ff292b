// Client of the fluxion service: load a graph, match a jobspec, cancel the job.
//
// Built by `make fluxion-go` with Debian's golang-google-grpc-dev; package
// fluxion/proto is generated from proto/fluxion.proto.
package main

import (
	"context"
	"flag"
	"fmt"
	"io/ioutil"
	"log"
	"os"
	"time"

	pb "fluxion/proto"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
)

func read(path string) string {
	text, err := ioutil.ReadFile(path)
	if err != nil {
		log.Fatalf("%v", err)
	}
	return string(text)
}

func main() {
	port := flag.Int("port", 4242, "port of the service")
	host := flag.String("host", "localhost", "host of the service")
	jobspec := flag.String("jobspec", "", "path of the jobspec")
	nodes := flag.String("cluster-nodes", "cluster-nodes.json", "path of the graph")
	policy := flag.String("policy", "lonode", "match policy")
	ca := flag.String("tls-ca", "", "PEM file of the CA that signed the server")
	wait := flag.Duration("wait", 3*time.Second, "time before cancel")
	flag.Parse()

	fmt.Println("🦩️ This is the fluxion graph client")
	if *jobspec == "" {
		log.Fatal("Please provide a path to a --jobspec")
	}
	address := fmt.Sprintf("%s:%d", *host, *port)
	log.Printf("🦩️ starting client (%s)...", address)
	security := grpc.WithInsecure()
	if *ca != "" {
		creds, err := credentials.NewClientTLSFromFile(*ca, "")
		if err != nil {
			log.Fatalf("%v", err)
		}
		security = grpc.WithTransportCredentials(creds)
	}
	dial, stop := context.WithTimeout(context.Background(), 10*time.Second)
	defer stop()
	conn, err := grpc.DialContext(dial, address, security, grpc.WithBlock())
	if err != nil {
		log.Fatalf("cannot connect to %s: %v", address, err)
	}
	defer conn.Close()
	client := pb.NewFluxionServiceClient(conn)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second+*wait)
	defer cancel()

	init, err := client.Init(ctx, &pb.InitRequest{Policy: *policy, Jgf: read(*nodes)})
	if err != nil {
		log.Fatalf("[Init] %v", err)
	}
	log.Printf("⭐️ Init cluster status: %s", init.GetStatus())

	match, err := client.Match(ctx, &pb.MatchRequest{
		Jobspec: read(*jobspec), Request: "allocate"})
	if err != nil {
		log.Fatalf("[Match] did not receive any match response: %v", err)
	}
	log.Printf("⭐️ Match status: %s", match.GetStatus())
	log.Printf("     Allocation: %s", match.GetAllocation())
	log.Printf("       Overhead: %f", match.GetOverhead())
	log.Printf("       Reserved: %t", match.GetReserved())
	log.Printf("          Jobid: %d", match.GetJobid())
	log.Printf("             At: %d", match.GetAt())

	fmt.Printf("😴️ Sleeping for %g seconds before cancel...\n", wait.Seconds())
	time.Sleep(*wait)
	gone, err := client.Cancel(ctx, &pb.CancelRequest{JobID: match.GetJobid()})
	if err != nil {
		log.Printf("[Cancel] %v", err)
		os.Exit(1)
	}
	log.Printf("⭐️ Cancel status: %s", gone.GetStatus())
}
