/** What a request for a job asks for, read field by field, and whether it can be had on this device. Knows no files. */
@NullMarked
package io.tandem.server.finetune.request;

import org.jspecify.annotations.NullMarked;
