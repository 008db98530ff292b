/* An MPI program: who is there, a sum over all, a communicator for each node. With
 * "abort", rank 1 ends all of them. */
#include <mpi.h>
#include <stdio.h>
#include <string.h>

int main (int argc, char **argv)
{
    int rank, size, sum = 0, node_rank, node_size, first, nodes = 0;
    MPI_Comm node;

    MPI_Init (&argc, &argv);
    MPI_Comm_rank (MPI_COMM_WORLD, &rank);
    MPI_Comm_size (MPI_COMM_WORLD, &size);
    printf ("hello from %d of %d\n", rank, size);
    fflush (stdout);
    if (argc > 1 && !strcmp (argv[1], "abort")) {
        if (rank == 1)
            MPI_Abort (MPI_COMM_WORLD, 7);
        MPI_Barrier (MPI_COMM_WORLD);
    }
    rank++;
    MPI_Allreduce (&rank, &sum, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
    MPI_Comm_split_type (MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &node);
    MPI_Comm_rank (node, &node_rank);
    MPI_Comm_size (node, &node_size);
    first = node_rank == 0;
    MPI_Allreduce (&first, &nodes, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
    if (rank == 1)
        printf ("sum %d, %d nodes of %d\n", sum, nodes, node_size);
    MPI_Finalize ();
    return 0;
}
