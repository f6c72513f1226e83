package io.tandem.kernels.adapter;

import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.model.TargetModule;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** How an adapter was configured when it was made: what its configuration file says as far as it applies. */
public sealed interface AdapterConfig
        permits LoraConfig, FactorConfig, SparseConfig, Ia3Config, PromptConfig, PrefixConfig, BottleneckConfig {
    /** Of modules without a rank of their own; 0 if there are no factors. */
    int rank();

    /** The adapted modules of every adapted layer. */
    Set<TargetModule> targets();

    /** The layers whose modules are adapted; all if empty. Of an adapter that is there, its modules say it. */
    default Set<Integer> layers() {
        return Set.of();
    }

    /** PEFT's {@code base_model_name_or_path}; may be empty. */
    String baseModel();

    /** From where on the adapter acts; on whole texts if empty. */
    default Optional<Invocation> invocation() {
        return Optional.empty();
    }

    /** Whether its files have a place for modules in full, PEFT's {@code modules_to_save}. */
    default boolean savesFullModules() {
        return false;
    }

    /** Those of the targets that a model has, in the order of the computation. */
    default List<TargetModule> modules(ModelConfig model) {
        return model.modules().stream().filter(targets()::contains).toList();
    }

    /** The same in every adapted layer, in the order of the computation. */
    default List<Site> sites(ModelConfig model) {
        return Site.all(model).stream()
                .filter(site -> targets().contains(site.module()) && adapts(site.layer()))
                .toList();
    }

    /** Whether modules of the layer are adapted. */
    default boolean adapts(int layer) {
        return layers().isEmpty() || layers().contains(layer);
    }
}
