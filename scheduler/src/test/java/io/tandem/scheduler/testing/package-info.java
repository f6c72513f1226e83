/** A device without a model, and receivers that remember. */
package io.tandem.scheduler.testing;
