import { expect, test } from 'vitest'
import { ExpiryControl } from './expiry-control.ts'

function requested(control: ExpiryControl): number[] {
  const answers: number[] = []
  control.request((expired) => answers.push(expired))
  return answers
}

test('answers the total once every task has nothing more to do', () => {
  const control = new ExpiryControl()
  const [a, b] = [control.attach(), control.attach()]
  a.ran(100, false)
  const answers = requested(control)
  a.ran(3, true)
  b.ran(5, false)
  b.ran(7, false)
  expect(answers).toEqual([])
  a.ran(2, false)
  a.ran(11, false)
  expect(answers).toEqual([10])
})

test('without tasks there is nothing to expire', () => {
  expect(requested(new ExpiryControl())).toEqual([0])
})

test('a task that moves away counts with what it did', () => {
  const control = new ExpiryControl()
  const [a, b] = [control.attach(), control.attach()]
  const answers = requested(control)
  a.ran(4, true)
  b.ran(1, false)
  a.detach()
  expect(answers).toEqual([5])
})

test('requests are answered each on its own', () => {
  const control = new ExpiryControl()
  const task = control.attach()
  const first = requested(control)
  task.ran(2, true)
  const second = requested(control)
  task.ran(3, false)
  expect([first, second]).toEqual([[5], [3]])
})
