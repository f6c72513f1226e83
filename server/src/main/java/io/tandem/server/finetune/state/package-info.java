/** The state of jobs: what clients see of them and the disk keeps. One thread changes it. */
@NullMarked
package io.tandem.server.finetune.state;

import org.jspecify.annotations.NullMarked;
