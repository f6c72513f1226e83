/**
 * A day of traffic in seconds: recorded or random arrivals against a device that is only a cost function, in virtual
 * time, with the real engine. It compares ways to share the device by what clients get and what training gets.
 */
package io.tandem.scheduler.simulation;
