/** Photos and folders that are being added. It goes on while the user looks at other views. */

import { api, jobEvents, message, type Job } from '../api/client'
import { atlas } from './atlas.svelte'
import { Queue } from './queue'

export class Adding {
  state = $state<'waiting' | 'running' | 'added' | 'known' | 'failed'>('waiting')
  photo = $state<number | null>(null)
  error = $state('')
  constructor(readonly id: number, readonly file: File) {}
}

class Additions {
  list = $state.raw<Adding[]>([])
  jobs = $state.raw<Job[]>([])
  jobError = $state('')
  private readonly queue = new Queue(2)
  private last = 0

  readonly done = $derived.by(() => this.list.filter((each) => !['waiting', 'running'].includes(each.state)).length)
  readonly failed = $derived.by(() => this.list.filter((each) => each.state === 'failed'))

  add(files: File[]): void {
    const fresh = files.map((file) => new Adding(++this.last, file))
    this.list = [...this.list, ...fresh]
    void Promise.all(fresh.map((each) => this.queue.add(() => this.send(each)))).then(() => atlas.grow())
  }

  private async send(each: Adding): Promise<void> {
    each.state = 'running'
    try {
      const { photo, known } = await api.add(each.file)
      each.photo = photo.id
      each.state = known ? 'known' : 'added'
    } catch (error) {
      each.error = message(error, each.file.name)
      each.state = 'failed'
    }
  }

  /** Index a folder of the computer that runs the service, and follow its progress. */
  async index(root: string, folder: string): Promise<void> {
    this.jobError = ''
    try {
      const job = await api.index(root, folder)
      this.keep(job)
      this.follow(job.id)
    } catch (error) {
      this.jobError = message(error)
    }
  }

  private follow(id: string): void {
    const events = new EventSource(jobEvents(id))
    events.addEventListener('progress', (event) => {
      const job = JSON.parse((event as MessageEvent<string>).data) as Job
      this.keep(job)
      if (job.state === 'done' || job.state === 'failed' || job.state === 'stopped') {
        events.close()
        void atlas.grow()
      }
    })
  }

  /** Stop a job; what it has added stays. */
  async stop(id: string): Promise<void> {
    await api.stopJob(id).catch((error: unknown) => { this.jobError = message(error) })
  }

  private keep(job: Job): void {
    const known = this.jobs.some((each) => each.id === job.id)
    this.jobs = known ? this.jobs.map((each) => (each.id === job.id ? job : each)) : [job, ...this.jobs]
  }
}

export const additions = new Additions()
