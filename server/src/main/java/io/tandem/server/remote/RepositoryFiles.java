package io.tandem.server.remote;

import java.nio.file.Path;
import java.util.List;
import java.util.Set;

/** Which files of a repository are wanted. */
interface RepositoryFiles {
    /** Whether a snapshot has all that is wanted, as far as can be told without the hub. */
    boolean complete(Path snapshot);

    /**
     * Files to fetch first.
     *
     * @param all that the repository has
     * @throws Unavailable if what is needed is not among them
     */
    List<String> first(Set<String> all) throws Unavailable;

    /** Files to fetch when the first ones are in the snapshot; they make it complete. */
    List<String> then(Set<String> all, Path snapshot) throws Unavailable;
}
