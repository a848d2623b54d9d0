/** Whether the user points with a finger: nothing can be dropped, and a camera is likely. */
export const touch = matchMedia('(pointer: coarse)').matches
