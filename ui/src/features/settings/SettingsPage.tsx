import { Look } from "~/features/settings/Look";
import { Server } from "~/features/settings/Server";
import { SettingTable } from "~/features/settings/SettingTable";
import { Tokens } from "~/features/settings/Tokens";
import "./settings.css";

/** How the server is, who may use it, with which settings it runs, and how this page looks. */
export function SettingsPage() {
  return (
    <div className="page">
      <header className="page-head">
        <h1>Settings</h1>
      </header>
      <Server />
      <Look />
      <Tokens />
      <SettingTable />
    </div>
  );
}
