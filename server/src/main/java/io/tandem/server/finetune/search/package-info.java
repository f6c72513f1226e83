/** The search for a job's method and settings: what is tried, in which order, and what was found. Knows no device and no disk. */
@NullMarked
package io.tandem.server.finetune.search;

import org.jspecify.annotations.NullMarked;
