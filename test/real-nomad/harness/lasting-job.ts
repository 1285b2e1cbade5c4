/**
 * A job that runs on every client until it is ended: its allocations and processes show what a client lost.
 *
 * @module
 */

/** As the API takes it. */
export const lastingJob: string = JSON.stringify({
  Job: {
    ID: 'lasting',
    Name: 'lasting',
    Type: 'system',
    Datacenters: ['dc1'],
    TaskGroups: [
      {
        Name: 'g',
        Tasks: [
          {
            Name: 'sleep',
            Driver: 'raw_exec',
            Config: { command: '/bin/sleep', args: ['3600'] },
            Resources: { CPU: 20, MemoryMB: 32 },
          },
        ],
      },
    ],
  },
})
